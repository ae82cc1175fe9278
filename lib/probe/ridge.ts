/** Ridge regression in closed form. */
import { choleskyFactor, choleskySolve } from "./cholesky.ts";
import { gramMatrix, type MatrixProducts, PLAIN_PRODUCTS } from "./products.ts";

/** Sufficient statistics of a set of rows for ridge regression; those of two sets add up to those of their union. */
export interface RidgeSums {
  readonly rows: number;
  /** features transposed · features, [D D] */
  readonly gram: Float64Array;
  /** features transposed · targets, [D] */
  readonly moments: Float64Array;
  /** sum of the features, [D] */
  readonly featureSums: Float64Array;
  readonly targetSum: number;
}

/** A fitted regression on standardised features. */
export interface RidgeFit {
  /** [D] */
  readonly weights: Float64Array;
  readonly bias: number;
}

/**
 * Sums over some rows, in float64.
 *
 * @param features [R D], standardised
 * @param targets [R]
 */
export function ridgeSums(
  features: Float32Array,
  targets: Float64Array,
  { products = PLAIN_PRODUCTS }: { readonly products?: MatrixProducts } = {},
): RidgeSums {
  const rows = targets.length, width = features.length / rows;
  const moments = new Float64Array(width), featureSums = new Float64Array(width);
  const shared = { features, rows, width, outputs: 1 };
  products.accumulate({ ...shared, errors: targets, sums: moments });
  products.accumulate({ ...shared, errors: new Float64Array(rows).fill(1), sums: featureSums });
  const targetSum = targets.reduce((sum, target) => sum + target, 0);
  return { rows, gram: gramMatrix(features, width, { products }), moments, featureSums, targetSum };
}

/** Sums over the union of two sets of rows. */
export function addSums(a: RidgeSums, b: RidgeSums): RidgeSums {
  const add = (x: Float64Array, y: Float64Array) => x.map((value, i) => value + y[i]!);
  return {
    rows: a.rows + b.rows,
    gram: add(a.gram, b.gram),
    moments: add(a.moments, b.moments),
    featureSums: add(a.featureSums, b.featureSums),
    targetSum: a.targetSum + b.targetSum,
  };
}

/**
 * Ridge regression in closed form: (Xᵀ X + alpha I) w = Xᵀ y on centred features and targets, so that the bias
 * is not penalised (scikit-learn's `Ridge`). Cholesky in float64.
 *
 * @throws {RangeError} when the system is singular, which needs alpha = 0
 */
export function fitRidge(sums: RidgeSums, { alpha }: { readonly alpha: number }): RidgeFit {
  const { rows, gram, moments, featureSums, targetSum } = sums;
  const width = moments.length;
  const system = gram.slice();
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      system[i * width + j]! -= featureSums[i]! * featureSums[j]! / rows;
    }
    system[i * width + i]! += alpha;
  }
  const weights = moments.map((moment, i) => moment - featureSums[i]! * targetSum / rows);
  choleskySolve(choleskyFactor(system, width), weights);
  let bias = targetSum;
  for (let i = 0; i < width; i++) bias -= weights[i]! * featureSums[i]!;
  return { weights, bias: bias / rows };
}

/**
 * Predicted targets [R].
 *
 * @param features [R D], standardised as the training features were
 */
export function predictRidge(
  features: Float32Array,
  { weights, bias }: RidgeFit,
  { products = PLAIN_PRODUCTS }: { readonly products?: MatrixProducts } = {},
): Float64Array {
  const width = weights.length, rows = features.length / width;
  const scores = new Float64Array(rows);
  products.project({ features, weights, scores, rows, width, outputs: 1 });
  return scores.map((score) => score + bias);
}
