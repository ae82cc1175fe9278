/** Downscaled pixels as embeddings: a baseline. */
import type { Embedder } from "./embedder.ts";

/** Means over the channels of images [rows 3 N]: [rows N]. */
function greyOf(images: Float32Array, rows: number): Float32Array<ArrayBuffer> {
  const length = images.length / rows / 3, grey = new Float32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0, at = 3 * row * length; i < length; i++, at++) {
      grey[row * length + i] = (images[at]! + images[at + length]! + images[at + 2 * length]!) / 3;
    }
  }
  return grey;
}

/**
 * No encoder: the pixels of the image scaled down to a small square, values from 0 to 1, channel by channel or their
 * mean. A baseline for any encoder.
 *
 * @param side height and width of the square, pixels
 */
export function pixelEmbedder(side: number, kind: "pixels" | "grey"): Embedder {
  return {
    width: (kind === "grey" ? 1 : 3) * side * side,
    preprocessing: {
      resize: "shorter-side",
      shorterSide: side,
      size: [side, side],
      filter: "bilinear",
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    description: `${kind} scaled to ${side}x${side}, antialiased`,
    embed: (images, rows) =>
      Promise.resolve(kind === "grey" ? greyOf(images, rows) : images.slice()),
    [Symbol.dispose]() {},
  };
}
