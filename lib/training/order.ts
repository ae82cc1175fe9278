/** The order of images in every epoch. */
import { Failure } from "../failure.ts";
import { RandomStream } from "../random/mod.ts";

/** The images of a run and the size of its batches. */
export interface ImageOrder {
  /** The run's seed. */
  readonly seed: number;
  /** Images of the split. */
  readonly images: number;
  /** Images B per step. */
  readonly batch: number;
}

/**
 * Full batches in an epoch; the remaining images are left out of the epoch.
 *
 * @throws {Failure} `usage`: fewer images than one batch
 */
export function stepsPerEpochOf({ images, batch }: Omit<ImageOrder, "seed">): number {
  const steps = Math.floor(images / batch);
  if (steps === 0) {
    const plenty = images === 1 ? "1 training image" : `${images || "no"} training images`;
    throw new Failure(
      "usage",
      `Cannot fill a batch: run.batch is ${batch}, but the shards hold ${plenty}, ` +
        (images === 0 ? "add images" : `set --batch to at most ${images} or add images`),
    );
  }
  return steps;
}

/** The most recent epoch's order: consecutive steps share it, and it is a pure function of its key. */
let latest: { readonly key: string; readonly order: Uint32Array } | undefined;

function orderOfEpoch({ seed, images }: ImageOrder, epoch: number): Uint32Array {
  const key = `${seed} ${images} ${epoch}`;
  if (latest?.key !== key) {
    const stream = new RandomStream({ seed, purpose: "image-order", step: epoch });
    latest = { key, order: stream.permutation(images) };
  }
  return latest.order;
}

/** The epoch of a step, both counted from 0. */
export function epochOfStep(order: Omit<ImageOrder, "seed">, step: number): number {
  return Math.floor(step / stepsPerEpochOf(order));
}

/**
 * The images that make up a step: every epoch has a new order of all images, without repetition.
 *
 * @param step counted from 0
 * @returns B image numbers in [0, images)
 * @throws {Failure} `usage`: fewer images than one batch
 */
export function imagesOfStep(order: ImageOrder, step: number): Uint32Array {
  const stepsPerEpoch = stepsPerEpochOf(order);
  const first = (step % stepsPerEpoch) * order.batch;
  return orderOfEpoch(order, Math.floor(step / stepsPerEpoch)).slice(first, first + order.batch);
}
