/** Sizes of blocks in patches. */
import type { BlockSize, Grid } from "./types.ts";

/** The size of a block of about `area` patches, rows / columns near `aspect`, that fits the grid. */
export function fullBlockSize(area: number, aspect: number, [rows, columns]: Grid): BlockSize {
  return [
    Math.min(rows, Math.round(Math.sqrt(area * aspect))),
    Math.min(columns, Math.round(Math.sqrt(area / aspect))),
  ];
}

/** Patches in a fraction of the grid; a product such as 0.29 x 100 must not lose one to rounding. */
export function tokensIn(fraction: number, [rows, columns]: Grid): number {
  return Math.floor(fraction * rows * columns + 1e-9);
}

/** The shortest decimal of which {@link tokensIn} makes so many patches. */
export function fractionOf(tokens: number, grid: Grid): number {
  for (let digits = 1;; digits++) {
    const fraction = Math.ceil((tokens / (grid[0] * grid[1])) * 10 ** digits) / 10 ** digits;
    if (tokensIn(fraction, grid) === tokens) return fraction;
  }
}
