/**
 * The two matrix products of all probes, behind an interface, so that a compiled implementation can replace the plain
 * one. Features are float32, everything summed is float64.
 */

/** scores [R C] = features [R D] · weights [C D] transposed. */
export interface Projection {
  /** [R D] */
  readonly features: Float32Array;
  /** [C D] */
  readonly weights: Float64Array;
  /** [R C], overwritten */
  readonly scores: Float64Array;
  readonly rows: number;
  readonly width: number;
  readonly outputs: number;
}

/** sums [C D] += errors [R C] transposed · features [R D]. */
export interface Accumulation {
  /** [R D] */
  readonly features: Float32Array;
  /** [R C] */
  readonly errors: Float64Array;
  /** [C D], added to */
  readonly sums: Float64Array;
  readonly rows: number;
  readonly width: number;
  readonly outputs: number;
}

/** Multiplies matrices. */
export interface MatrixProducts {
  project(operands: Projection): void;
  accumulate(operands: Accumulation): void;
}

/** A block of features that stays in the second-level cache while all outputs pass over it. */
const BLOCK_BYTES = 256 * 1024;

function rowsPerBlock(width: number): number {
  return Math.max(4, 4 * Math.floor(BLOCK_BYTES / (16 * width)));
}

/** Four outputs of rows `first` to `last`, two rows at a time: eight sums stay in registers. */
function projectFour(operands: Projection, first: number, { last, output }: Range): void {
  const { features, weights, scores, width, outputs } = operands;
  const w0 = output * width, w1 = w0 + width, w2 = w1 + width, w3 = w2 + width;
  for (let row = first; row < last; row += 2) {
    const x0 = row * width, x1 = x0 + width;
    let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    for (let d = 0; d < width; d++) {
      const a = features[x0 + d]!, b = features[x1 + d]!;
      const u0 = weights[w0 + d]!, u1 = weights[w1 + d]!;
      const u2 = weights[w2 + d]!, u3 = weights[w3 + d]!;
      a0 += a * u0;
      a1 += a * u1;
      a2 += a * u2;
      a3 += a * u3;
      b0 += b * u0;
      b1 += b * u1;
      b2 += b * u2;
      b3 += b * u3;
    }
    const s0 = row * outputs + output, s1 = s0 + outputs;
    scores[s0] = a0;
    scores[s0 + 1] = a1;
    scores[s0 + 2] = a2;
    scores[s0 + 3] = a3;
    scores[s1] = b0;
    scores[s1 + 1] = b1;
    scores[s1 + 2] = b2;
    scores[s1 + 3] = b3;
  }
}

/** One output of rows `first` to `last`, four partial sums so that additions overlap. */
function projectOne(operands: Projection, first: number, { last, output }: Range): void {
  const { features, weights, scores, width, outputs } = operands;
  const w = output * width, whole = width - width % 4;
  for (let row = first; row < last; row++) {
    const x = row * width;
    let a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    for (let d = 0; d < whole; d += 4) {
      a0 += features[x + d]! * weights[w + d]!;
      a1 += features[x + d + 1]! * weights[w + d + 1]!;
      a2 += features[x + d + 2]! * weights[w + d + 2]!;
      a3 += features[x + d + 3]! * weights[w + d + 3]!;
    }
    for (let d = whole; d < width; d++) a0 += features[x + d]! * weights[w + d]!;
    scores[row * outputs + output] = a0 + a1 + (a2 + a3);
  }
}

interface Range {
  /** One past the last row. */
  readonly last: number;
  /** First of the outputs. */
  readonly output: number;
}

function project(operands: Projection): void {
  const { rows, width, outputs } = operands;
  const step = rowsPerBlock(width);
  for (let first = 0; first < rows; first += step) {
    const last = Math.min(rows, first + step);
    const even = last - (last - first) % 2;
    let output = 0;
    for (; output + 4 <= outputs; output += 4) {
      projectFour(operands, first, { last: even, output });
      for (let c = output; c < output + 4; c++) {
        projectOne(operands, even, { last, output: c });
      }
    }
    for (; output < outputs; output++) projectOne(operands, first, { last, output });
  }
}

/** Two outputs, four rows at a time: each sum is loaded and stored once for four products. */
function accumulateTwo(operands: Accumulation, first: number, { last, output }: Range): void {
  const { features, errors, sums, width, outputs } = operands;
  const g0 = output * width, g1 = g0 + width;
  for (let row = first; row < last; row += 4) {
    const x0 = row * width, x1 = x0 + width, x2 = x1 + width, x3 = x2 + width;
    const e0 = row * outputs + output, e1 = e0 + outputs, e2 = e1 + outputs, e3 = e2 + outputs;
    const a0 = errors[e0]!, a1 = errors[e1]!, a2 = errors[e2]!, a3 = errors[e3]!;
    const b0 = errors[e0 + 1]!, b1 = errors[e1 + 1]!, b2 = errors[e2 + 1]!, b3 = errors[e3 + 1]!;
    for (let d = 0; d < width; d++) {
      const p = features[x0 + d]!, q = features[x1 + d]!;
      const s = features[x2 + d]!, t = features[x3 + d]!;
      sums[g0 + d]! += a0 * p + a1 * q + a2 * s + a3 * t;
      sums[g1 + d]! += b0 * p + b1 * q + b2 * s + b3 * t;
    }
  }
}

/** One output, row by row. */
function accumulateOne(operands: Accumulation, first: number, { last, output }: Range): void {
  const { features, errors, sums, width, outputs } = operands;
  const g = output * width;
  for (let row = first; row < last; row++) {
    const x = row * width, error = errors[row * outputs + output]!;
    for (let d = 0; d < width; d++) sums[g + d]! += error * features[x + d]!;
  }
}

function accumulate(operands: Accumulation): void {
  const { rows, width, outputs } = operands;
  const step = rowsPerBlock(width);
  for (let first = 0; first < rows; first += step) {
    const last = Math.min(rows, first + step);
    const whole = last - (last - first) % 4;
    let output = 0;
    for (; output + 2 <= outputs; output += 2) {
      accumulateTwo(operands, first, { last: whole, output });
      accumulateOne(operands, whole, { last, output });
      accumulateOne(operands, whole, { last, output: output + 1 });
    }
    for (; output < outputs; output++) accumulateOne(operands, first, { last, output });
  }
}

/** Plain TypeScript, blocked for registers and cache: about 4 GFLOP/s on one core. */
export const PLAIN_PRODUCTS: MatrixProducts = { project, accumulate };

/** Rows whose float64 copy is made at a time for a Gram matrix. */
const GRAM_ROWS = 512;

/**
 * featuresᵀ · features [D D], in float64.
 *
 * @param features [rows D]
 */
export function gramMatrix(
  features: Float32Array,
  width: number,
  { products = PLAIN_PRODUCTS }: { readonly products?: MatrixProducts } = {},
): Float64Array {
  const sums = new Float64Array(width * width);
  for (let start = 0; start < features.length; start += GRAM_ROWS * width) {
    const block = features.subarray(start, start + GRAM_ROWS * width);
    products.accumulate({
      features: block,
      errors: Float64Array.from(block),
      sums,
      rows: block.length / width,
      width,
      outputs: width,
    });
  }
  return sums;
}
