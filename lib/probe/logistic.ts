/** Multinomial logistic regression: loss, preconditioner and fit. */
import { choleskyFactor, choleskySolve } from "./cholesky.ts";
import { minimise, type Objective } from "./lbfgs.ts";
import { gramMatrix, type MatrixProducts, PLAIN_PRODUCTS } from "./products.ts";

/** Standardised features with their classes. */
export interface ClassifiedRows {
  /** [R D], standardised */
  readonly features: Float32Array<ArrayBuffer>;
  /** Class of every row, 0 to C - 1. */
  readonly classes: Int32Array;
  /** D */
  readonly width: number;
  /** C */
  readonly classCount: number;
}

/** The cross-entropy of some rows, summed. */
export interface SummedLoss {
  /** Value and gradient at weights [C D] followed by biases [C]. */
  readonly evaluate: Objective;
  /** Rounding error of a value, relative to the number of rows plus the value. */
  readonly noise: number;
}

/** Settings of a fit. */
export interface LogisticOptions {
  /** scikit-learn's C: the weight of the summed loss against half the squared norm of the weights. */
  readonly strength: number;
  /** Where to start: weights [C D] then biases [C]. @default zeros */
  readonly start?: Float64Array;
  /** Largest element of the gradient of the mean loss at the end. @default 1e-5 */
  readonly tolerance?: number;
  /** The loss of the same data. @default `plainLoss` */
  readonly loss?: SummedLoss;
  /** Covariance of the features, [D D]; saves computing it. */
  readonly covariance?: Float64Array;
}

/** A fitted classifier. */
export interface LogisticFit {
  /** Weights [C D], then biases [C]. */
  readonly parameters: Float64Array;
  /** Mean loss plus penalty divided by the number of rows. */
  readonly objective: number;
  readonly iterations: number;
  readonly converged: boolean;
}

/** Rows that are scored at a time. */
const BLOCK_ROWS = 1024;
/** Rounding in float64, with room for sums. */
const PLAIN_NOISE = 4e-15;
/** The preconditioner need not be exact, so its covariance comes from a sample. */
const COVARIANCE_ROWS = 2048;

/** Half the squared norm of the weights enters with this factor. */
function penaltyOf({ classes, classCount }: ClassifiedRows, strength: number): number {
  // Two mirrored weight vectors have half the norm of the single one of binary regression. Doubling makes the
  // strength mean the same as in scikit-learn, which fits two classes with one vector.
  return (classCount === 2 ? 2 : 1) / (strength * classes.length);
}

/**
 * Turns scores into softmax minus one-hot, in place, and returns the summed cross-entropy.
 *
 * @param scores [R C]
 */
export function crossEntropy(
  scores: Float64Array,
  classes: Int32Array,
  classCount: number,
): number {
  let loss = 0;
  for (let row = 0; row < classes.length; row++) {
    const start = row * classCount;
    let most = -Infinity;
    for (let c = 0; c < classCount; c++) most = Math.max(most, scores[start + c]!);
    const truth = start + classes[row]!;
    const score = scores[truth]! - most;
    let total = 0;
    for (let c = 0; c < classCount; c++) {
      const mass = Math.exp(scores[start + c]! - most);
      scores[start + c] = mass;
      total += mass;
    }
    for (let c = 0; c < classCount; c++) scores[start + c]! /= total;
    scores[truth]! -= 1;
    loss += Math.log(total) - score;
  }
  return loss;
}

/** Adds the biases to projected scores. */
function addBiases(scores: Float64Array, biases: Float64Array): void {
  const outputs = biases.length;
  for (let i = 0; i < scores.length; i += outputs) {
    for (let c = 0; c < outputs; c++) scores[i + c]! += biases[c]!;
  }
}

/** Multinomial cross-entropy in float64 and plain TypeScript: the reference of `CompiledRegression`. */
export function plainLoss(
  { features, classes, width, classCount }: ClassifiedRows,
  { products = PLAIN_PRODUCTS }: { readonly products?: MatrixProducts } = {},
): SummedLoss {
  const rows = classes.length, size = classCount * width;
  const scratch = new Float64Array(Math.min(BLOCK_ROWS, rows) * classCount);
  const evaluate = (parameters: Float64Array, gradient: Float64Array) => {
    gradient.fill(0);
    const weights = parameters.subarray(0, size), biases = parameters.subarray(size);
    const sums = gradient.subarray(0, size), biasSums = gradient.subarray(size);
    let loss = 0;
    for (let first = 0; first < rows; first += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, rows - first);
      const scores = scratch.subarray(0, count * classCount);
      const shared = {
        features: features.subarray(first * width, (first + count) * width),
        rows: count,
        width,
        outputs: classCount,
      };
      products.project({ ...shared, weights, scores });
      addBiases(scores, biases);
      loss += crossEntropy(scores, classes.subarray(first, first + count), classCount);
      products.accumulate({ ...shared, errors: scores, sums });
      for (let i = 0; i < scores.length; i++) biasSums[i % classCount]! += scores[i]!;
    }
    return loss;
  };
  return { evaluate, noise: PLAIN_NOISE };
}

/** Mean cross-entropy plus L2 penalty on the weights (not on the biases), and its gradient. */
export function logisticObjective(
  data: ClassifiedRows,
  { strength, loss = plainLoss(data) }: LogisticOptions,
): Objective {
  const rows = data.classes.length, size = data.classCount * data.width;
  const penalty = penaltyOf(data, strength);
  return async (parameters, gradient) => {
    const sum = await loss.evaluate(parameters, gradient);
    let squares = 0;
    for (let i = 0; i < gradient.length; i++) gradient[i]! /= rows;
    for (let i = 0; i < size; i++) {
      squares += parameters[i]! ** 2;
      gradient[i]! += penalty * parameters[i]!;
    }
    return sum / rows + penalty / 2 * squares;
  };
}

/** Covariance [D D] of standardised features, from evenly spaced rows. */
export function sampleCovariance(
  { features, classes, width }: ClassifiedRows,
  { products = PLAIN_PRODUCTS }: { readonly products?: MatrixProducts } = {},
): Float64Array {
  const wanted = Math.max(COVARIANCE_ROWS, 2 * width);
  const stride = Math.max(1, Math.floor(classes.length / wanted));
  const count = Math.floor((classes.length - 1) / stride) + 1;
  const sample = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    sample.set(features.subarray(i * stride * width, (i * stride + 1) * width), i * width);
  }
  return gramMatrix(sample, width, { products }).map((sum) => sum / count);
}

/**
 * At zero weights the Hessian is (identity - 1/C) / C times the covariance, plus the penalty. Its class factor
 * only matters along a direction that gradients do not have, so one Cholesky factor serves all classes. This
 * makes the number of iterations nearly independent of how correlated the features are.
 */
function preconditioner(
  data: ClassifiedRows,
  { strength, covariance = sampleCovariance(data) }: LogisticOptions,
): (vector: Float64Array) => void {
  const { width, classCount } = data;
  const penalty = penaltyOf(data, strength);
  const hessian = covariance.map((value) => value / classCount);
  // The sample may have less rank than the features: a trace of the identity keeps the factor well defined.
  for (let d = 0; d < width; d++) hessian[d * (width + 1)]! += penalty + 1e-9;
  const factor = choleskyFactor(hessian, width);
  return (vector) => {
    for (let c = 0; c < classCount; c++) {
      choleskySolve(factor, vector.subarray(c * width, (c + 1) * width));
    }
    for (let i = classCount * width; i < vector.length; i++) vector[i]! *= classCount;
  };
}

/**
 * Multinomial logistic regression, the model of scikit-learn's `LogisticRegression` (lbfgs): golden test
 * against its coefficients.
 */
export async function fitLogistic(
  data: ClassifiedRows,
  options: LogisticOptions,
): Promise<LogisticFit> {
  const { start = new Float64Array(data.classCount * (data.width + 1)) } = options;
  const loss = options.loss ?? plainLoss(data);
  const { point, value, iterations, converged } = await minimise(
    logisticObjective(data, { ...options, loss }),
    start,
    {
      tolerance: options.tolerance ?? 1e-5,
      precondition: preconditioner(data, options),
      noise: loss.noise,
    },
  );
  return { parameters: point, objective: value, iterations, converged };
}

/**
 * Scores [R C] of a fitted classifier, the largest is the predicted class: the reference of `CompiledRegression`.
 *
 * @param features [R D], standardised as the training features were
 */
export function logisticScores(
  features: Float32Array,
  parameters: Float64Array,
  { width, products = PLAIN_PRODUCTS }: {
    readonly width: number;
    readonly products?: MatrixProducts;
  },
): Float64Array {
  const outputs = parameters.length / (width + 1), rows = features.length / width;
  const scores = new Float64Array(rows * outputs);
  const weights = parameters.subarray(0, outputs * width);
  products.project({ features, weights, scores, rows, width, outputs });
  addBiases(scores, parameters.subarray(outputs * width));
  return scores;
}
