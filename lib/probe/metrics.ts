/** Scores of predictions, with bootstrap intervals. */
import { RandomStream } from "../random/mod.ts";

/** Lower and upper end of an interval. */
export type Interval = readonly [low: number, high: number];

/** Resamples behind every interval. */
export const BOOTSTRAP_RESAMPLES = 1000;

/**
 * 95 % percentile bootstrap interval of a statistic that depends on sums over rows. The same seed and number of
 * rows give the same resamples, so intervals of several methods are paired.
 *
 * @param columns one value per row in each
 * @param statistic from the sums of the columns over as many rows
 */
export function bootstrapInterval(
  columns: readonly Float64Array[],
  statistic: (sums: readonly number[]) => number,
  { seed }: { readonly seed: number },
): Interval {
  const rows = columns[0]!.length;
  const values = new Float64Array(BOOTSTRAP_RESAMPLES);
  for (let resample = 0; resample < BOOTSTRAP_RESAMPLES; resample++) {
    const stream = new RandomStream({ seed, purpose: "probe bootstrap", step: resample });
    const sums = columns.map(() => 0);
    for (let i = 0; i < rows; i++) {
      const row = stream.integer(rows);
      for (let column = 0; column < columns.length; column++) {
        sums[column]! += columns[column]![row]!;
      }
    }
    values[resample] = statistic(sums);
  }
  // A resample may hold equal targets only, of which R² is undefined.
  const defined = values.filter(Number.isFinite).sort();
  return [quantile(defined, 0.025), quantile(defined, 0.975)];
}

/** Linear interpolation between order statistics (NumPy's default). */
function quantile(sorted: Float64Array, fraction: number): number {
  const place = fraction * (sorted.length - 1), below = Math.floor(place);
  const low = sorted[below]!, high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (place - below) * (high - low);
}

/**
 * Position of the largest of every row's scores; the first of equals.
 *
 * @param scores [R C]
 */
export function largestScores(scores: Float64Array, classCount: number): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: scores.length / classCount }, (_, row) => {
    let best = 0;
    for (let c = 1; c < classCount; c++) {
      if (scores[row * classCount + c]! > scores[row * classCount + best]!) best = c;
    }
    return best;
  });
}

/** Share of rows whose class is predicted. */
export function accuracy(predicted: Int32Array, truth: Int32Array): number {
  let right = 0;
  for (let row = 0; row < truth.length; row++) if (predicted[row] === truth[row]) right++;
  return right / truth.length;
}

/** Mean over the classes that occur of the share of their rows that is predicted. */
export function balancedAccuracy(predicted: Int32Array, truth: Int32Array): number {
  const counts = new Map<number, { right: number; rows: number }>();
  truth.forEach((wanted, row) => {
    const count = counts.get(wanted) ?? { right: 0, rows: 0 };
    counts.set(wanted, {
      right: count.right + (predicted[row] === wanted ? 1 : 0),
      rows: count.rows + 1,
    });
  });
  const recalls = [...counts.values()].map(({ right, rows }) => right / rows);
  return recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length;
}

/**
 * Share of rows whose class is among the `count` largest scores; a tie with the true class counts against it.
 *
 * @param scores [R C]; a truth of C or more was never seen in training and counts as wrong
 */
export function topAccuracy(
  scores: Float64Array,
  truth: Int32Array,
  { count }: { readonly count: number },
): number {
  const classCount = scores.length / truth.length;
  let right = 0;
  truth.forEach((wanted, row) => {
    if (wanted >= classCount) return;
    const start = row * classCount;
    let ahead = 0;
    for (let c = 0; c < classCount; c++) {
      if (c !== wanted && scores[start + c]! >= scores[start + wanted]!) ahead++;
    }
    if (ahead < count) right++;
  });
  return right / truth.length;
}

/** 1 - (squared error) / (squared deviation from the mean); `NaN` when the targets are all equal. */
export function rSquared(predicted: Float64Array, truth: Float64Array): number {
  const [sums, statistic] = rSquaredParts(predicted, truth);
  return statistic(sums.map((column) => column.reduce((sum, value) => sum + value, 0)));
}

/** Columns and statistic of R² for {@link bootstrapInterval}. */
export function rSquaredParts(
  predicted: Float64Array,
  truth: Float64Array,
): readonly [readonly Float64Array[], (sums: readonly number[]) => number] {
  const rows = truth.length;
  // Centred first: the difference of the sums of squares would cancel for targets far from zero.
  const mean = truth.reduce((sum, value) => sum + value, 0) / rows;
  const centred = truth.map((value) => value - mean);
  const columns = [
    truth.map((value, row) => (value - predicted[row]!) ** 2),
    centred,
    centred.map((value) => value * value),
  ];
  return [columns, ([error = 0, sum = 0, squares = 0]) => {
    const spread = squares - sum * sum / rows;
    return spread > 0 ? 1 - error / spread : NaN;
  }];
}

/** Mean absolute error, in the unit of the targets. */
export function meanAbsoluteError(predicted: Float64Array, truth: Float64Array): number {
  return truth.reduce((sum, value, row) => sum + Math.abs(value - predicted[row]!), 0) /
    truth.length;
}
