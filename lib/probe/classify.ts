/** Probes of class labels: logistic regression and k nearest neighbours. */
import type { Runtime } from "../compile/mod.ts";
import type { Features } from "../formats/arrow.ts";
import { CompiledRegression } from "./compiled_regression.ts";
import { knnVotes } from "./knn.ts";
import type { ClassLabel, Method } from "./labels.ts";
import { fitLogistic, sampleCovariance } from "./logistic.ts";
import {
  accuracy,
  balancedAccuracy,
  bootstrapInterval,
  largestScores,
  topAccuracy,
} from "./metrics.ts";
import { neighbourCounts, type NeighbourSearch, validationQueries } from "./neighbour_search.ts";
import type { LinearWeights, MethodResult, MethodRun } from "./results.ts";
import { holdOut } from "./splits.ts";
import { foldStandardisation, momentsOf, standardise } from "./standardise.ts";
import { halfDecades, tune } from "./tuning.ts";

/** Values of C that are tried, from strong to weak regularisation. */
export const LOGISTIC_STRENGTHS: readonly number[] = halfDecades(-5, 4);

/** A label with the features that predict it. */
export interface ClassProblem {
  readonly train: Features;
  readonly test: Features;
  readonly label: ClassLabel;
  readonly seed: number;
}

const SCORED_ROWS = 4096;
/** Tolerance of the fits that only choose C: scikit-learn's default. The final fit has a smaller one. */
const GRID_TOLERANCE = 1e-4;

/** Everything that is reported about test scores [R C]. */
function scoresOf(
  { label, seed }: ClassProblem,
  scores: Float64Array,
): Pick<
  MethodResult,
  "score" | "interval" | "balancedAccuracy" | "top5Accuracy" | "recalls"
> {
  const { test: truth, classCount, classes } = label;
  const predicted = largestScores(scores, classCount);
  const right = Float64Array.from(truth, (wanted, row) => predicted[row] === wanted ? 1 : 0);
  const rows = new Float64Array(classes.length), hits = new Float64Array(classes.length);
  truth.forEach((wanted, row) => {
    rows[wanted]!++;
    hits[wanted]! += right[row]!;
  });
  const recalls = classes.flatMap((name, c) =>
    rows[c]! > 0 ? [[name, hits[c]! / rows[c]!] as const] : []
  );
  return {
    score: accuracy(predicted, truth),
    interval: bootstrapInterval([right], ([sum = 0]) => sum / truth.length, { seed }),
    balancedAccuracy: balancedAccuracy(predicted, truth),
    ...(classCount > 5 ? { top5Accuracy: topAccuracy(scores, truth, { count: 5 }) } : {}),
    recalls: Object.fromEntries(recalls),
  };
}

function predictionsOf(method: Method, probabilities: Float64Array, classCount: number) {
  const values = largestScores(probabilities, classCount);
  const confidence = Float64Array.from(values, (c, row) => probabilities[row * classCount + c]!);
  return { method, values, confidence };
}

/** Scores to probabilities, in place. */
function softmax(scores: Float64Array, classCount: number): Float64Array {
  for (let start = 0; start < scores.length; start += classCount) {
    const row = scores.subarray(start, start + classCount);
    const most = row.reduce((a, b) => Math.max(a, b));
    let total = 0;
    for (let c = 0; c < classCount; c++) total += row[c] = Math.exp(row[c]! - most);
    for (let c = 0; c < classCount; c++) row[c]! /= total;
  }
  return scores;
}

/** Logistic regression with its strength chosen on held-out training rows, then fitted to all of them. */
export async function probeLogistic(problem: ClassProblem, runtime: Runtime): Promise<MethodRun> {
  const { train, test, label, seed } = problem;
  const { width } = train, { classCount } = label;
  const { fit, heldOut } = holdOut(label.train, { seed });
  const order = Uint32Array.from([...fit, ...heldOut]);
  const moments = momentsOf(train.embeddings, width, { rows: label.trainRows });
  const features = standardise(train.embeddings, moments, {
    rows: order.map((position) => label.trainRows[position]!),
  });
  const classes = Int32Array.from(order, (position) => label.train[position]!);
  const whole = { features, classes, width, classCount };
  const covariance = sampleCovariance(whole);
  const fitted = {
    ...whole,
    features: features.subarray(0, fit.length * width),
    classes: classes.subarray(0, fit.length),
  };
  const heldFeatures = features.subarray(fit.length * width);
  const heldClasses = classes.subarray(fit.length);
  using regression = await CompiledRegression.create(runtime, whole);
  const shared = { covariance, loss: regression.lossOf(fitted), tolerance: GRID_TOLERANCE };
  const tuned = await tune<Float64Array>(LOGISTIC_STRENGTHS, async (strength, before) => {
    const start = before ? { start: before.fit } : {};
    const { parameters } = await fitLogistic(fitted, { strength, ...shared, ...start });
    const scores = await regression.scores(heldFeatures, parameters, whole);
    const validationScore = accuracy(largestScores(scores, classCount), heldClasses);
    return { validationScore, fit: parameters };
  });
  const { strength: value, validationScore, fit: start } = tuned.best;
  const { parameters } = await fitLogistic(whole, {
    strength: value,
    covariance,
    loss: regression.lossOf(whole),
    start,
  });
  const scores = new Float64Array(label.testRows.length * classCount);
  for (let first = 0; first < label.testRows.length; first += SCORED_ROWS) {
    const rows = label.testRows.subarray(first, first + SCORED_ROWS);
    const block = standardise(test.embeddings, moments, { rows });
    scores.set(await regression.scores(block, parameters, whole), first * classCount);
  }
  const linear: LinearWeights = {
    method: "logistic",
    ...foldStandardisation(parameters, moments, { outputs: classCount }),
  };
  return {
    result: {
      method: "logistic",
      strength: { name: "C", value, atGridEdge: tuned.atGridEdge },
      validationScore,
      ...scoresOf(problem, scores),
      grid: tuned.grid,
    },
    predictions: predictionsOf("logistic", softmax(scores, classCount), classCount),
    linear,
  };
}

/** Cosine nearest neighbours with k chosen on held-out training rows. */
export async function probeKnnClasses(
  problem: ClassProblem,
  search: NeighbourSearch,
): Promise<MethodRun> {
  const { label, seed } = problem;
  const { classCount } = label;
  const { fit, heldOut } = holdOut(label.train, { seed });
  const queries = validationQueries(heldOut);
  const counts = neighbourCounts(fit.length);
  const held = await search.ofHeldOut(label, { bank: fit, queries });
  const fitClasses = Int32Array.from(fit, (position) => label.train[position]!);
  const heldClasses = Int32Array.from(queries, (position) => label.train[position]!);
  const tuned = await tune<undefined>(counts, (k) => {
    const votes = knnVotes(held, fitClasses, { k, classCount });
    const validationScore = accuracy(largestScores(votes, classCount), heldClasses);
    return { validationScore, fit: undefined };
  });
  const { strength: k, validationScore } = tuned.best;
  const neighbours = await search.ofTest(label);
  const votes = knnVotes(neighbours, label.train, { k, classCount });
  return {
    result: {
      method: "knn",
      strength: { name: "k", value: k, atGridEdge: false },
      validationScore,
      ...scoresOf(problem, votes),
      grid: tuned.grid,
    },
    predictions: predictionsOf("knn", votes, classCount),
  };
}
