/** Lanes: shares of a batch that are computed at the same time, and what each of them leaves for the update. */
import type { TensorSpec } from "../compile/program.ts";
import type { ModelConfig } from "../model/config.ts";
import { type ShapeTable, trainedShapes } from "../model/parameters.ts";
import { floatTensor, prefixed, type TensorRecord } from "../tensor.ts";

/** Begins the names of gradients in what a lane leaves. */
export const GRADIENT = "gradient.";

/** The pooled targets of a batch, [B T], in what a lane leaves. */
export const POOLED = "pooled_targets";

/**
 * Shapes of what a lane leaves: the sum of its parts' gradients, and the pooled targets of their images in the rows of
 * a whole batch, zeros in all others. The sum over all lanes is then what the update needs of the batch (`Exchange`).
 */
export function laneShapes(
  { model, batch }: { readonly model: ModelConfig; readonly batch: number },
): ShapeTable {
  return {
    ...prefixed(GRADIENT, trainedShapes(model)),
    [POOLED]: [batch, model.predictor.outputWidth],
  };
}

/** A part of a batch: its place in the sequence of rounds, and its lane. */
export interface Part {
  readonly round: number;
  readonly lane: number;
}

/** How many parts a batch has: one after the other in every lane. */
interface Parts {
  readonly accumulate: number;
  readonly lanes: number;
}

/**
 * Inputs that say which part a program works on, where a batch has several: `carry` is 0 for the first part of a lane,
 * else 1; `place` [parts 1] is 1 at the part's place in the batch, else 0.
 */
export function partSpecs({ accumulate, lanes }: Parts): Record<string, TensorSpec> {
  const parts = accumulate * lanes;
  return {
    ...accumulate > 1 ? { carry: { dtype: "float32", shape: [] } } : {},
    ...parts > 1 ? { place: { dtype: "float32", shape: [parts, 1] } } : {},
  };
}

/** The values of {@link partSpecs} for a part. */
export function partFeeds({ round, lane }: Part, { accumulate, lanes }: Parts): TensorRecord {
  const place = floatTensor([accumulate * lanes, 1]);
  place.data[round * lanes + lane] = 1;
  return {
    ...accumulate > 1 ? { carry: floatTensor([], Float32Array.of(round === 0 ? 0 : 1)) } : {},
    ...accumulate * lanes > 1 ? { place } : {},
  };
}

/** Maps the names in a lane's program to those in the store that all lanes share. */
export function nameInLane(lane: number): (name: string) => string {
  return (name) => name.startsWith(GRADIENT) || name === POOLED ? `lane${lane}.${name}` : name;
}

/** Shapes of tensors that every lane has, under the names of the store. */
export function shapesInLanes(shapes: ShapeTable, lanes: number): ShapeTable {
  const all = Array.from(
    { length: lanes },
    (_, lane) =>
      Object.entries(shapes).map(([name, shape]) => [nameInLane(lane)(name), shape] as const),
  );
  return Object.fromEntries(all.flat());
}

/**
 * How many lanes work on a batch at the same time: one per slot, if its images can be divided equally. Two executables
 * of one thread each are faster than one of two, whose threads synchronise after every operation.
 */
export function lanesOf(slots: number, images: number): number {
  for (let lanes = Math.min(slots, images); lanes > 1; lanes--) {
    if (images % lanes === 0) return lanes;
  }
  return 1;
}
