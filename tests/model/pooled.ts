/** Pooling of tokens in double precision, by another formula than the one that is tested. */

/** Tokens of images, [B N D] in raster order. */
export interface Tokens {
  readonly data: ArrayLike<number>;
  readonly batch: number;
  readonly grid: readonly [rows: number, columns: number];
  readonly width: number;
}

/**
 * Means over R x R regions, [B, R R D]. A row belongs to region i where the interval [row, row + 1) overlaps
 * [i H / R, (i + 1) H / R), which is what floor and ceil of PyTorch come to; columns likewise.
 */
export function regionMeans(
  { data, batch, grid: [rows, columns], width }: Tokens,
  regions: number,
): Float64Array {
  const inside = (at: number, region: number, length: number) =>
    (at + 1) * regions > region * length && at * regions < (region + 1) * length;
  const means = new Float64Array(batch * regions ** 2 * width);
  for (let place = 0; place < means.length; place++) {
    const channel = place % width, region = Math.floor(place / width);
    const j = region % regions, i = Math.floor(region / regions) % regions;
    const image = Math.floor(region / regions ** 2);
    let sum = 0, count = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (!inside(row, i, rows) || !inside(column, j, columns)) continue;
        sum += data[((image * rows + row) * columns + column) * width + channel]!;
        count++;
      }
    }
    means[place] = sum / count;
  }
  return means;
}
