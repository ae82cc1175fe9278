/** Draws initial weights on several threads. */
import { expectRoomForThreads } from "../files/mod.ts";
import type { ModelConfig } from "../model/config.ts";
import { type Initialisation, isDecayed, type ShapeTable } from "../model/parameters.ts";
import { type FloatTensor, sizeOf, type TensorRecord } from "../tensor.ts";
import { initialState, randomShapes, stateWith } from "../training/state.ts";

/** The tensors that a thread is to draw, by network. */
export interface DrawRequest {
  readonly initialisation: Initialisation;
  readonly shapes: Readonly<Record<string, ShapeTable>>;
}

/** The drawn tensors. */
export type DrawAnswer = Readonly<Record<string, Readonly<Record<string, FloatTensor>>>>;

/** Random values per thread that make its start worthwhile. */
const LEAST_PER_THREAD = 2 ** 20;

/** A tensor of a network, and how many random values it takes. */
interface Share {
  readonly network: string;
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: number;
}

/** Distributes tensors evenly over threads: the largest first, each to the thread with the least. */
function sharesOf(
  networks: Readonly<Record<string, ShapeTable>>,
  threads: number,
): readonly Readonly<Record<string, ShapeTable>>[] {
  const all: Share[] = Object.entries(networks).flatMap(([network, shapes]) =>
    Object.entries(shapes).map(([name, shape]) => ({
      network,
      name,
      shape,
      values: isDecayed(name, shape) ? sizeOf(shape) : 0,
    }))
  );
  const shares = Array.from(
    { length: threads },
    () => ({ values: 0, shapes: {} as Record<string, Record<string, readonly number[]>> }),
  );
  for (const { network, name, shape, values } of all.sort((a, b) => b.values - a.values)) {
    const share = shares.reduce((least, each) => each.values < least.values ? each : least);
    share.values += values;
    (share.shapes[network] ??= {})[name] = shape;
  }
  return shares.map(({ shapes }) => shapes);
}

function draw(request: DrawRequest): Promise<DrawAnswer> {
  const script = new URL("./initial_state_worker.ts", import.meta.url);
  const worker = new Worker(script, { type: "module", name: "initial state" });
  const answer = Promise.withResolvers<DrawAnswer>();
  worker.onmessage = ({ data }: MessageEvent<DrawAnswer>) => answer.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    answer.reject(new Error(`A thread that draws weights broke down: ${event.message}`));
  };
  worker.postMessage(request);
  return answer.promise.finally(() => worker.terminate());
}

/**
 * The same as `initialState`, drawn on other threads, unless the model is small: 24 million values of ViT-S take
 * seconds, in which this thread traces the program.
 *
 * @param threads at most
 * @throws {Failure} `unavailable`: the system lets the process open too few files for them
 */
export async function drawInitialState(
  model: ModelConfig,
  initialisation: Initialisation,
  threads: number,
): Promise<TensorRecord> {
  const networks = randomShapes(model);
  const values = Object.values(networks).flatMap((shapes) => Object.values(shapes)).map(sizeOf)
    .reduce((sum, size) => sum + size, 0);
  const worthwhile = Math.min(threads, Math.floor(values / LEAST_PER_THREAD));
  if (worthwhile === 0) return initialState(model, initialisation);
  expectRoomForThreads(worthwhile);
  const answers = await Promise.all(
    sharesOf(networks, worthwhile).map((shapes) => draw({ initialisation, shapes })),
  );
  // In the order of the tables, whichever thread has drawn a tensor.
  const drawn = Object.entries(networks).map(([network, shapes]) => {
    const tensors = Object.assign({}, ...answers.map((answer) => answer[network]));
    return [network, Object.fromEntries(Object.keys(shapes).map((name) => [name, tensors[name]]))];
  });
  return stateWith(model, Object.fromEntries(drawn));
}
