import type { Embedder } from "./embedder.ts";

/**
 * No encoder: the pixels of the image scaled down to a small square, values from 0 to 1, channel by channel. What any
 * encoder must beat.
 *
 * @param side height and width of the square, pixels
 */
export function pixelEmbedder(side: number): Embedder {
  return {
    width: 3 * side * side,
    preprocessing: {
      resize: "shorter-side",
      shorterSide: side,
      size: [side, side],
      filter: "bilinear",
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    description: `pixels scaled to ${side}x${side}, antialiased`,
    embed: (images) => Promise.resolve(images.slice()),
    [Symbol.dispose]() {},
  };
}
