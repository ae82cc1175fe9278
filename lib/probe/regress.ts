/** Probes of number labels: ridge regression and k nearest neighbours. */
import type { Features } from "../formats/arrow.ts";
import { knnMeans } from "./knn.ts";
import type { NumberLabel } from "./labels.ts";
import { bootstrapInterval, meanAbsoluteError, rSquared, rSquaredParts } from "./metrics.ts";
import { neighbourCounts, type NeighbourSearch, validationQueries } from "./neighbour_search.ts";
import type { MethodResult, MethodRun } from "./results.ts";
import { addSums, fitRidge, predictRidge, ridgeSums } from "./ridge.ts";
import { holdOut, type Split } from "./splits.ts";
import { foldStandardisation, momentsOf, standardise } from "./standardise.ts";
import { halfDecades, tune } from "./tuning.ts";

/** Values of alpha per training row that are tried, from strong to weak regularisation. */
export const RIDGE_STRENGTHS: readonly number[] = halfDecades(-8, 2).reverse();

/** A label with the features that predict it. */
export interface NumberProblem {
  readonly train: Features;
  readonly test: Features;
  readonly label: NumberLabel;
  readonly seed: number;
}

const SCORED_ROWS = 4096;

function plainSplit({ label, seed }: NumberProblem): Split {
  return holdOut(new Int32Array(label.train.length), { seed });
}

/** A score like R² that is defined for any number of rows: errors against the variance of the training targets. */
function validationScoreOf(
  { label }: NumberProblem,
  predicted: Float64Array,
  wanted: Float64Array,
): number {
  const targets = label.train;
  const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length;
  const variance = targets.reduce((sum, target) => sum + (target - mean) ** 2, 0) / targets.length;
  const error = wanted.reduce((sum, target, i) => sum + (target - predicted[i]!) ** 2, 0);
  return 1 - error / wanted.length / variance;
}

/** All reported scores of test predictions. */
function scoresOf(
  { label, seed }: NumberProblem,
  predicted: Float64Array,
): Pick<MethodResult, "score" | "interval" | "meanAbsoluteError"> {
  const [columns, statistic] = rSquaredParts(predicted, label.test);
  return {
    score: rSquared(predicted, label.test),
    interval: bootstrapInterval(columns, statistic, { seed }),
    meanAbsoluteError: meanAbsoluteError(predicted, label.test),
  };
}

/** Ridge regression with its strength chosen on held-out training rows, then fitted to all of them. */
export async function probeRidge(problem: NumberProblem): Promise<MethodRun> {
  const { train, test, label } = problem;
  const { fit, heldOut } = plainSplit(problem);
  const moments = momentsOf(train.embeddings, train.width, { rows: label.trainRows });
  const part = (positions: Uint32Array<ArrayBuffer>) => ({
    features: standardise(train.embeddings, moments, {
      rows: positions.map((position) => label.trainRows[position]!),
    }),
    targets: Float64Array.from(positions, (position) => label.train[position]!),
  });
  const fitted = part(fit), held = part(heldOut);
  const fitSums = ridgeSums(fitted.features, fitted.targets);
  const tuned = await tune<undefined>(RIDGE_STRENGTHS, (strength) => {
    const predicted = predictRidge(
      held.features,
      fitRidge(fitSums, { alpha: strength * fitSums.rows }),
    );
    const validationScore = validationScoreOf(problem, predicted, held.targets);
    return { validationScore, fit: undefined };
  });
  const sums = addSums(fitSums, ridgeSums(held.features, held.targets));
  const alpha = tuned.best.strength * sums.rows;
  const model = fitRidge(sums, { alpha });
  const predicted = new Float64Array(label.testRows.length);
  for (let first = 0; first < predicted.length; first += SCORED_ROWS) {
    const rows = label.testRows.subarray(first, first + SCORED_ROWS);
    predicted.set(predictRidge(standardise(test.embeddings, moments, { rows }), model), first);
  }
  const parameters = Float64Array.from([...model.weights, model.bias]);
  return {
    result: {
      method: "ridge",
      strength: { name: "alpha", value: alpha, atGridEdge: tuned.atGridEdge },
      validationScore: tuned.best.validationScore,
      ...scoresOf(problem, predicted),
      grid: tuned.grid.map(({ strength, validationScore }) => ({
        strength: strength * sums.rows,
        validationScore,
      })),
    },
    predictions: { method: "ridge", values: predicted },
    linear: { method: "ridge", ...foldStandardisation(parameters, moments, { outputs: 1 }) },
  };
}

/** Mean of the nearest neighbours' targets, with k chosen on held-out training rows. */
export async function probeKnnNumbers(
  problem: NumberProblem,
  search: NeighbourSearch,
): Promise<MethodRun> {
  const { label } = problem;
  const { fit, heldOut } = plainSplit(problem);
  const queries = validationQueries(heldOut);
  const targetsOf = (positions: Uint32Array) =>
    Float64Array.from(positions, (position) => label.train[position]!);
  const counts = neighbourCounts(fit.length);
  const held = await search.ofHeldOut(label, { bank: fit, queries });
  const fitTargets = targetsOf(fit), heldTargets = targetsOf(queries);
  const tuned = await tune<undefined>(counts, (k) => {
    const predicted = knnMeans(held, fitTargets, { k });
    const validationScore = validationScoreOf(problem, predicted, heldTargets);
    return { validationScore, fit: undefined };
  });
  const { strength: k, validationScore } = tuned.best;
  const predicted = knnMeans(await search.ofTest(label), label.train, { k });
  return {
    result: {
      method: "knn",
      strength: { name: "k", value: k, atGridEdge: false },
      validationScore,
      ...scoresOf(problem, predicted),
      grid: tuned.grid,
    },
    predictions: { method: "knn", values: predicted },
  };
}
