/** The exchange between lanes, the seam between their gradients and the update. */
import * as tf from "@tensorflow/tfjs";
import type { Executable, Need, Program, Runtime, Store } from "../compile/program.ts";
import type { ShapeTable } from "../model/parameters.ts";
import { nameInLane, shapesInLanes } from "./lanes.ts";
import { specsOf } from "./step.ts";

/**
 * Adds up what the lanes of a batch have left in a store. It is made for tensors that every lane has, so that it can
 * compile or register beforehand what it needs for them.
 */
export interface Exchange extends Disposable {
  /** Makes ready for sums. @returns what they need besides the store, where the runtime can tell */
  reserve(): Need | undefined;
  /**
   * Afterwards the first lane's tensors are the sums over all lanes. The order of adding is always the same, so the bits
   * are. All lanes must have finished.
   */
  sum(): Promise<void>;
}

/** With one lane there is nothing to add. */
const NOTHING: Exchange = {
  reserve: () => ({ programBytes: 0, workBytes: 0 }),
  sum: () => Promise.resolve(),
  [Symbol.dispose]: () => {},
};

/** The sums of tensors that lanes have in a common store, under its names: one lane is added after the other. */
export function sumProgram(shapes: ShapeTable, lanes: number): Program {
  const nameInFirst = nameInLane(0), inLanes = shapesInLanes(shapes, lanes);
  const sums = Object.keys(shapes).map(nameInFirst);
  return {
    name: "sum",
    carried: sums,
    parameters: Object.keys(inLanes).filter((name) => !sums.includes(name)),
    inputs: specsOf(inLanes),
    run(inputs) {
      const added = Object.keys(shapes).map((name) => {
        const all = Array.from({ length: lanes }, (_, lane) => inputs[nameInLane(lane)(name)]!);
        return [nameInFirst(name), all.reduce((sum, each) => tf.add(sum, each))];
      });
      return Object.fromEntries(added);
    },
  };
}

/** The exchange of lanes in one store: a program of the runtime, in all of its slots, writes the sums in place. */
class StoreExchange implements Exchange {
  readonly #sum: Executable;

  constructor(sum: Executable) {
    this.#sum = sum;
  }

  reserve(): Need | undefined {
    return this.#sum.reserve({});
  }

  async sum(): Promise<void> {
    await this.#sum.run({});
  }

  [Symbol.dispose](): void {
    this.#sum.dispose();
  }
}

/** The exchange of lanes that leave tensors of these shapes in a store. */
export async function createExchange(
  runtime: Runtime,
  { store, shapes, lanes }: {
    readonly store: Store;
    readonly shapes: ShapeTable;
    readonly lanes: number;
  },
): Promise<Exchange> {
  if (lanes === 1) return NOTHING;
  return new StoreExchange(await runtime.prepare(sumProgram(shapes, lanes), { store }));
}
