/** Pooling: how the tokens of an image become vectors. */

import * as tf from "@tensorflow/tfjs";
import type { Grid } from "./masks/types.ts";

/** Names of the poolings. */
export const POOLINGS = ["mean", "2x2", "3x3", "tokens"] as const;

/**
 * - `mean` of all tokens: D values
 * - `2x2`, `3x3` the mean of each of R x R regions of the grid of patches, side by side in raster order: R R D values.
 *   Regions are those of PyTorch's `AdaptiveAvgPool2d`: of H rows, region i has those from floor(i H / R) to
 *   ceil((i + 1) H / R), so that neighbours share a row where R does not divide H
 * - `tokens` all tokens in raster order: N D values
 */
export type Pooling = typeof POOLINGS[number];

/** Regions R along each axis of the grid. */
const REGIONS = { "2x2": 2, "3x3": 3 } as const;

/** The fewest rows and columns of patches that a pooling takes. */
export function leastSideOf(pooling: Pooling): number {
  return pooling in REGIONS ? REGIONS[pooling as keyof typeof REGIONS] : 1;
}

/** How many vectors of D values a pooling leaves of an image. */
export function vectorsOf(pooling: Pooling, [rows, columns]: Grid): number {
  return pooling === "tokens" ? rows * columns : leastSideOf(pooling) ** 2;
}

/** The rows or columns of each region, `[begin, end)`. */
function regionsOf(length: number, count: number): (readonly [begin: number, end: number])[] {
  return Array.from({ length: count }, (_, i) => [
    Math.floor(i * length / count),
    Math.ceil((i + 1) * length / count),
  ]);
}

/** Weight of each token in the mean of each region, [1 R R, N]. */
function regionWeights([rows, columns]: Grid, count: number): tf.Tensor {
  const weights = new Float32Array(count ** 2 * rows * columns);
  const across = regionsOf(columns, count);
  regionsOf(rows, count).forEach(([top, bottom], i) => {
    across.forEach(([left, right], j) => {
      const share = 1 / ((bottom - top) * (right - left));
      for (let row = top; row < bottom; row++) {
        const at = ((i * count + j) * rows + row) * columns;
        weights.fill(share, at + left, at + right);
      }
    });
  });
  return tf.tensor3d(weights, [1, count ** 2, rows * columns]);
}

/**
 * Pools the tokens of images.
 *
 * @param tokens [B N D] in raster order of the grid
 * @returns [B, {@link vectorsOf} D]
 * @throws {RangeError} a grid with fewer rows or columns than regions
 */
export function pool(tokens: tf.Tensor, grid: Grid, pooling: Pooling): tf.Tensor {
  if (pooling === "mean") return tf.mean(tokens, 1);
  const least = leastSideOf(pooling);
  if (Math.min(...grid) < least) {
    throw new RangeError(`Cannot pool ${grid.join("x")} tokens to ${pooling} regions`);
  }
  const [batch, count, width] = tokens.shape as [number, number, number];
  if (pooling === "tokens") return tf.reshape(tokens, [batch, count * width]);
  // One product for all regions: a slice and a mean of each would be 18 operations for each layer.
  const means = tf.matMul(regionWeights(grid, least), tokens);
  return tf.reshape(means, [batch, least ** 2 * width]);
}
