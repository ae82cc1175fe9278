/**
 * The fixed two-dimensional sine-cosine position table. The first half of each row encodes the column, the second half
 * the row (method.md section 3, with golden values).
 *
 * @param grid rows and columns of the patch grid, `[Hp Wp]`
 * @param width D, a multiple of 4
 * @returns the table, `[N D]` in raster order
 * @throws {RangeError} when `width` is not a multiple of 4
 */
export function sinCosPositions(
  [rows, columns]: readonly [rows: number, columns: number],
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
