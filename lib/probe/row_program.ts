/** Runs a program over rows in all slots of a runtime. */
import type { Executable, Program, Runtime } from "../compile/mod.ts";
import { type FloatTensor, floatTensor, type TensorRecord } from "../tensor.ts";

/** Rows of one run: enough to amortise the call, few enough to give work to all slots. */
const BLOCK_ROWS = 4096;

/**
 * A program over rows of features (its input `features` [rows D]), run block by block. Every slot of the runtime has
 * an executable of its own and takes blocks; the results are in order, for any number of slots.
 */
export class RowProgram implements Disposable {
  readonly #lanes: readonly Executable[];

  private constructor(lanes: readonly Executable[]) {
    this.#lanes = lanes;
  }

  static async create(runtime: Runtime, program: Program): Promise<RowProgram> {
    const lanes: Executable[] = [];
    while (lanes.length < runtime.slots) {
      lanes.push(await runtime.prepare(program, { slots: 1 }));
    }
    return new RowProgram(lanes);
  }

  /**
   * Runs over all rows.
   *
   * @param features [R D]
   * @param inputs the other inputs of the program
   * @returns the program's results for every block
   */
  async run(
    { features, width }: { readonly features: Float32Array<ArrayBuffer>; readonly width: number },
    inputs: TensorRecord,
  ): Promise<readonly Readonly<Record<string, FloatTensor>>[]> {
    const blocks = Math.ceil(features.length / (BLOCK_ROWS * width));
    const results = new Array<Record<string, FloatTensor>>(blocks);
    let next = 0;
    await Promise.all(this.#lanes.map(async (executable) => {
      while (next < blocks) {
        const block = next++, start = block * BLOCK_ROWS * width;
        const rows = features.subarray(start, start + BLOCK_ROWS * width);
        const feeds = { ...inputs, features: floatTensor([rows.length / width, width], rows) };
        results[block] = await executable.run(feeds) as Record<string, FloatTensor>;
      }
    }));
    return results;
  }

  [Symbol.dispose](): void {
    for (const lane of this.#lanes) lane.dispose();
  }
}
