/** Limits on images and grids, for training and for finished encoders. */

/** Side of an image, pixels: one of these is 200 MB of float32. */
export const MOST_SIDE = 4096;

/** Attention over more patches than this fits no machine, and is surely a mistyped patch or image size. */
export const MOST_PATCHES = 16_384;

/** Registers: four or eight are usual. */
export const MOST_REGISTERS = 64;

/** Images of a batch as float32. The official batches of 2,048 images of 448 pixels are 5 GB. */
export const MOST_BATCH_BYTES = 10e9;

/** `[B 3 H W]` in bytes. */
export function batchBytes(batch: number, [height, width]: readonly [number, number]): number {
  return 4 * batch * 3 * height * width;
}
