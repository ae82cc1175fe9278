/** Position tables: initial values, and resizing for another grid of patches. */

import { type FloatTensor, floatTensor } from "../tensor.ts";
import { type EncoderConfig, gridOf, type ModelConfig } from "./config.ts";
import type { Grid } from "./masks/types.ts";

/** Name of an encoder's position table, [1 N D]. */
export const POSITIONS = "pos_embed";

/** Name of a predictor's position table, [1 N P]. */
export const PREDICTOR_POSITIONS = "predictor_pos_embed";

/**
 * The fixed two-dimensional sine-cosine position table. The first half of each row encodes the column, the second half
 * the row (docs/method.md section 2.1, with golden values).
 *
 * @param grid rows and columns of the patch grid, `[Hp Wp]`
 * @param width D, a multiple of 4
 * @returns the table, `[N D]` in raster order
 * @throws {RangeError} when `width` is not a multiple of 4
 */
export function sinCosPositions(
  [rows, columns]: Grid,
  width: number,
): Float32Array<ArrayBuffer> {
  if (width % 4 !== 0) {
    throw new RangeError(
      `Cannot make a position table: width must be a multiple of 4, got ${width}`,
    );
  }
  const quarter = width / 4;
  const table = new Float32Array(rows * columns * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = (row * columns + column) * width;
      for (let k = 0; k < quarter; k++) {
        const frequency = 10000 ** (-k / quarter);
        table[at + k] = Math.sin(column * frequency);
        table[at + quarter + k] = Math.cos(column * frequency);
        table[at + 2 * quarter + k] = Math.sin(row * frequency);
        table[at + 3 * quarter + k] = Math.cos(row * frequency);
      }
    }
  }
  return table;
}

/** The table that an encoder is trained with unless it starts from another, [1 N D]. */
export function positionTable(encoder: EncoderConfig): FloatTensor {
  return tableOf(gridOf(encoder), encoder.width);
}

/** The same for a predictor, [1 N P]. */
export function predictorPositionTable({ encoder, predictor }: ModelConfig): FloatTensor {
  return tableOf(gridOf(encoder), predictor.width);
}

function tableOf(grid: Grid, width: number): FloatTensor {
  return floatTensor([1, grid[0] * grid[1], width], sinCosPositions(grid, width));
}

/** The four neighbours of an output row or column, and their weights. */
interface Taps {
  readonly at: readonly [number, number, number, number];
  readonly weights: readonly [number, number, number, number];
}

/** Cubic convolution with a = -0.75, as in PyTorch and OpenCV. @param x distance from the sample, 0 to 2 */
function cubic(x: number): number {
  const a = -0.75;
  return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/** Where each of `to` samples lies among `from`, with the borders repeated (`align_corners=False`). */
function tapsOf(from: number, to: number): Taps[] {
  const inside = (index: number) => Math.min(from - 1, Math.max(0, index));
  return Array.from({ length: to }, (_, index) => {
    const place = (index + 0.5) * from / to - 0.5;
    const first = Math.floor(place), t = place - first;
    return {
      at: [inside(first - 1), inside(first), inside(first + 1), inside(first + 2)],
      weights: [cubic(1 + t), cubic(t), cubic(1 - t), cubic(2 - t)],
    };
  });
}

/**
 * A position table for another grid: bicubic, not antialiased, as Hugging Face transformers does it (docs/method.md
 * section 2.1, with golden values).
 *
 * @param table [1 N D] in raster order of the grid `from`
 * @returns [1 N' D] in raster order of the grid `to`; the table itself when the grids are equal
 * @throws {RangeError} when the table does not have the patches of `from`
 */
export function resizePositions(
  table: FloatTensor,
  { from, to }: { readonly from: Grid; readonly to: Grid },
): FloatTensor {
  const [, patches, width] = table.shape as [number, number, number];
  if (patches !== from[0] * from[1]) {
    throw new RangeError(
      `Cannot resize a position table: it has ${patches} patches, not ${from.join("x")}`,
    );
  }
  if (from.join() === to.join()) return table;
  const resized = floatTensor([1, to[0] * to[1], width]);
  const columns = tapsOf(from[1], to[1]);
  tapsOf(from[0], to[0]).forEach((rowTaps, row) => {
    columns.forEach((columnTaps, column) => {
      const at = (row * to[1] + column) * width;
      for (let k = 0; k < width; k++) {
        let sum = 0;
        for (let i = 0; i < 4; i++) {
          const start = rowTaps.at[i]! * from[1];
          let across = 0;
          for (let j = 0; j < 4; j++) {
            across += columnTaps.weights[j]! * table.data[(start + columnTaps.at[j]!) * width + k]!;
          }
          sum += rowTaps.weights[i]! * across;
        }
        resized.data[at + k] = sum;
      }
    });
  });
  return resized;
}
