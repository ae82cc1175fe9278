import type { Executable, Runtime } from "../compile/mod.ts";
import { type FloatTensor, floatTensor } from "../tensor.ts";
import type { ClassifiedRows, SummedLoss } from "./logistic.ts";
import { partitionProgram } from "./partition_program.ts";

/** Rows that one run takes: enough that the call costs little, few enough that all lanes have work. */
const BLOCK_ROWS = 4096;
/** Rounding in float32; errors of single rows mostly cancel out. */
const FLOAT32_NOISE = 1e-7;

/** Rows added up by class, [C D], then their number, [C]: the loss is linear in the scores of the true classes. */
function classSums({ features, classes, width, classCount }: ClassifiedRows) {
  const sums = new Float64Array(classCount * (width + 1));
  for (let row = 0; row < classes.length; row++) {
    const from = row * width, to = classes[row]! * width;
    for (let d = 0; d < width; d++) sums[to + d]! += features[from + d]!;
    sums[classCount * width + classes[row]!]!++;
  }
  return sums;
}

/**
 * The summed cross-entropy as `plainLoss` computes it, but by a runtime: float32 inside a block of rows, float64 across
 * blocks. Every thread of the runtime has a session of its own and takes blocks, which are added in their order: the
 * result does not depend on how many threads there are.
 */
export class CompiledLoss implements Disposable {
  readonly #lanes: readonly Executable[];

  private constructor(lanes: readonly Executable[]) {
    this.#lanes = lanes;
  }

  /** Prepares the loss of features of width D in C classes. */
  static async create(
    runtime: Runtime,
    { width, classCount }: { readonly width: number; readonly classCount: number },
  ): Promise<CompiledLoss> {
    const program = partitionProgram(width, classCount);
    const lanes: Executable[] = [];
    while (lanes.length < runtime.threads) {
      lanes.push(await runtime.prepare(program, { threads: 1 }));
    }
    return new CompiledLoss(lanes);
  }

  /** The loss of these rows. */
  of(data: ClassifiedRows): SummedLoss {
    const { classes, width, classCount } = data;
    const size = classCount * width;
    const linear = classSums(data);
    const blocks = Math.ceil(classes.length / BLOCK_ROWS);
    const evaluate = async (parameters: Float64Array, gradient: Float64Array) => {
      const rounded = Float32Array.from(parameters);
      const shared = {
        weights: floatTensor([classCount, width], rounded.subarray(0, size)),
        biases: floatTensor([classCount], rounded.subarray(size)),
      };
      const results = new Array<Record<string, FloatTensor>>(blocks);
      let next = 0;
      await Promise.all(this.#lanes.map(async (executable) => {
        while (next < blocks) {
          const block = next++;
          const feeds = { ...shared, features: rowsOf(data, block * BLOCK_ROWS) };
          results[block] = await executable.run(feeds) as Record<string, FloatTensor>;
        }
      }));
      let loss = 0;
      for (let i = 0; i < linear.length; i++) {
        loss -= linear[i]! * rounded[i]!;
        gradient[i] = -linear[i]!;
      }
      for (const { logPartition, weightSums, biasSums } of results) {
        for (const value of logPartition!.data) loss += value;
        weightSums!.data.forEach((value, i) => gradient[i]! += value);
        biasSums!.data.forEach((value, c) => gradient[size + c]! += value);
      }
      return loss;
    };
    return { evaluate, noise: FLOAT32_NOISE };
  }

  [Symbol.dispose](): void {
    for (const lane of this.#lanes) lane.dispose();
  }
}

/** A view of the features of a block. */
function rowsOf({ features, classes, width }: ClassifiedRows, first: number): FloatTensor {
  const rows = Math.min(BLOCK_ROWS, classes.length - first);
  return floatTensor([rows, width], features.subarray(first * width, (first + rows) * width));
}
