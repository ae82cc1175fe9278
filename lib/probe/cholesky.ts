/** Symmetric positive definite systems, dense and in float64. */

/**
 * The lower triangle L of A = L Lᵀ; the upper triangle of the result is zero.
 *
 * @param matrix [D D], only the lower triangle is read
 * @throws {RangeError} when the matrix is not positive definite
 */
export function choleskyFactor(matrix: Float64Array, width: number): Float64Array<ArrayBuffer> {
  const factor = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      const rest = matrix[i * width + j]! -
        dot(factor, { at: i * width, other: factor, otherAt: j * width, count: j });
      if (i > j) factor[i * width + j] = rest / factor[j * width + j]!;
      else if (rest > 0) factor[i * width + i] = Math.sqrt(rest);
      else {
        throw new RangeError(
          `Cannot factor a matrix: it is not positive definite (pivot ${i} is ${rest})`,
        );
      }
    }
  }
  return factor;
}

/** Inner product of two ranges, in four independent sums. */
function dot(
  values: Float64Array,
  { at, other, otherAt, count }: {
    readonly at: number;
    readonly other: Float64Array;
    readonly otherAt: number;
    readonly count: number;
  },
): number {
  const whole = count - count % 4;
  let a0 = 0, a1 = 0, a2 = 0, a3 = 0;
  for (let i = 0; i < whole; i += 4) {
    a0 += values[at + i]! * other[otherAt + i]!;
    a1 += values[at + i + 1]! * other[otherAt + i + 1]!;
    a2 += values[at + i + 2]! * other[otherAt + i + 2]!;
    a3 += values[at + i + 3]! * other[otherAt + i + 3]!;
  }
  for (let i = whole; i < count; i++) a0 += values[at + i]! * other[otherAt + i]!;
  return a0 + a1 + (a2 + a3);
}

/** Solves L Lᵀ x = b in place of b. Rows of L are read in order in both sweeps. */
export function choleskySolve(factor: Float64Array, vector: Float64Array): void {
  const width = vector.length;
  for (let i = 0; i < width; i++) {
    const row = i * width;
    const rest = vector[i]! - dot(factor, { at: row, other: vector, otherAt: 0, count: i });
    vector[i] = rest / factor[row + i]!;
  }
  for (let i = width - 1; i >= 0; i--) {
    const row = i * width, solved = vector[i]! / factor[row + i]!;
    vector[i] = solved;
    for (let j = 0; j < i; j++) vector[j]! -= factor[row + j]! * solved;
  }
}
