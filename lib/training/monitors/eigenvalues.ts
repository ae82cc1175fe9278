/** Eigenvalues of symmetric matrices. */

/** A tridiagonal matrix with the same eigenvalues, from Householder reflections. */
interface Tridiagonal {
  /** [n] */
  readonly diagonal: Float64Array;
  /** [n], the last is 0 */
  readonly beside: Float64Array;
}

/** For entries around 1, columns with a smaller squared norm count as zero. */
const NO_SQUARE = 1e-40;

/** Golub and Van Loan, Matrix Computations, 8.3.1. Overwrites the matrix [n n], whose largest entry is 1. */
function tridiagonal(matrix: Float64Array, n: number): Tridiagonal {
  const diagonal = new Float64Array(n), beside = new Float64Array(n);
  const mirror = new Float64Array(n), change = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const first = k + 1;
    diagonal[k] = matrix[k * n + k]!;
    if (first === n) break;
    let square = 0;
    for (let i = first; i < n; i++) square += (mirror[i] = matrix[i * n + k]!) ** 2;
    if (square < NO_SQUARE) continue;
    const head = mirror[first]!, length = Math.sqrt(square);
    beside[k] = head > 0 ? -length : length;
    mirror[first] = head - beside[k]!;
    const scale = square - head * beside[k]!; // Half the square of the mirror's length.
    let along = 0;
    for (let i = first; i < n; i++) {
      let sum = 0;
      for (let j = first; j < n; j++) sum += matrix[i * n + j]! * mirror[j]!;
      change[i] = sum / scale;
      along += change[i]! * mirror[i]!;
    }
    for (let i = first; i < n; i++) change[i]! -= along / (2 * scale) * mirror[i]!;
    for (let i = first; i < n; i++) {
      const m = mirror[i]!, c = change[i]!;
      for (let j = first; j < n; j++) matrix[i * n + j]! -= m * change[j]! + c * mirror[j]!;
    }
  }
  return { diagonal, beside };
}

/** Sweeps that an eigenvalue gets; two or three are usual. */
const MOST_SWEEPS = 100;

/** One sweep of the QL algorithm with an implicit shift over the lines from `first` to `last` (EISPACK, imtql1). */
function sweep({ diagonal: d, beside: e }: Tridiagonal, first: number, last: number): void {
  const half = (d[first + 1]! - d[first]!) / (2 * e[first]!);
  const root = Math.sqrt(half * half + 1);
  let g = d[last]! - d[first]! + e[first]! / (half + (half < 0 ? -root : root));
  let sine = 1, cosine = 1, shift = 0;
  for (let i = last - 1; i >= first; i--) {
    const f = sine * e[i]!, b = cosine * e[i]!;
    const length = Math.sqrt(f * f + g * g);
    e[i + 1] = length;
    if (length === 0) {
      d[i + 1]! -= shift;
      e[last] = 0;
      return;
    }
    sine = f / length;
    cosine = g / length;
    g = d[i + 1]! - shift;
    const turned = (d[i]! - g) * sine + 2 * cosine * b;
    shift = sine * turned;
    d[i + 1] = g + shift;
    g = cosine * turned - b;
  }
  d[first]! -= shift;
  e[first] = g;
  e[last] = 0;
}

/**
 * Eigenvalues of a symmetric matrix, in float64: made tridiagonal, then by the QL algorithm. Each is right to a few
 * times 1e-16 of the largest, whatever its own size.
 *
 * @param matrix [n n], finite
 * @returns [n], in no order
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const largest = matrix.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0) return new Float64Array(n);
  const lines = tridiagonal(matrix.map((value) => value / largest), n);
  const { diagonal, beside } = lines;
  for (let first = 0; first < n; first++) {
    for (let sweeps = 0; sweeps < MOST_SWEEPS; sweeps++) {
      let last = first;
      while (Math.abs(beside[last]!) > Number.EPSILON) last++;
      if (last === first) break;
      sweep(lines, first, last);
    }
  }
  return diagonal.map((value) => value * largest);
}
