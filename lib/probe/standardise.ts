/** Standardisation of features, and how to fold it into a linear map. */

/** Mean and standard deviation of every feature, in float64. */
export interface Moments {
  /** [D] */
  readonly mean: Float64Array;
  /** [D], 1 where a feature is constant */
  readonly deviation: Float64Array;
}

/** Smaller spreads, relative to the mean, are below the resolution of float32: the feature is constant. */
const CONSTANT_SPREAD = 1e-7;

/**
 * Population moments of some rows, in two passes.
 *
 * @param features [rows D]
 * @param rows which rows to use
 */
export function momentsOf(
  features: Float32Array,
  width: number,
  { rows }: { readonly rows: Uint32Array },
): Moments {
  const mean = new Float64Array(width), deviation = new Float64Array(width);
  for (const row of rows) {
    const start = row * width;
    for (let d = 0; d < width; d++) mean[d]! += features[start + d]!;
  }
  for (let d = 0; d < width; d++) mean[d]! /= rows.length;
  for (const row of rows) {
    const start = row * width;
    for (let d = 0; d < width; d++) deviation[d]! += (features[start + d]! - mean[d]!) ** 2;
  }
  for (let d = 0; d < width; d++) {
    const spread = Math.sqrt(deviation[d]! / rows.length);
    deviation[d] = spread > CONSTANT_SPREAD * Math.abs(mean[d]!) ? spread : 1;
  }
  return { mean, deviation };
}

/**
 * Standardised copies of some rows, in the order given.
 *
 * @param features [rows D]
 * @returns [chosen rows, D]
 */
export function standardise(
  features: Float32Array,
  moments: Moments,
  { rows }: { readonly rows: Uint32Array },
): Float32Array<ArrayBuffer> {
  const { mean, deviation } = moments;
  const width = mean.length;
  const standardised = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i]! * width, to = i * width;
    for (let d = 0; d < width; d++) {
      standardised[to + d] = (features[from + d]! - mean[d]!) / deviation[d]!;
    }
  }
  return standardised;
}

/**
 * The linear map on plain features that equals one on standardised features.
 *
 * @param parameters weights [C D], then biases [C]
 * @returns weights [C D] and biases [C], rounded to float32
 */
export function foldStandardisation(
  parameters: Float64Array,
  { mean, deviation }: Moments,
  { outputs }: { readonly outputs: number },
): { weights: Float32Array<ArrayBuffer>; biases: Float32Array<ArrayBuffer> } {
  const width = mean.length;
  const weights = new Float32Array(outputs * width), biases = new Float32Array(outputs);
  for (let c = 0; c < outputs; c++) {
    let bias = parameters[outputs * width + c]!;
    for (let d = 0; d < width; d++) {
      const weight = parameters[c * width + d]! / deviation[d]!;
      weights[c * width + d] = weight;
      bias -= weight * mean[d]!;
    }
    biases[c] = bias;
  }
  return { weights, biases };
}
