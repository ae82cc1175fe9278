import { Failure } from "../failure.ts";
import type { Method, Task } from "./labels.ts";
import type { Interval } from "./metrics.ts";
import type { ProbeMetrics } from "./probe.ts";
import type { LabelResult } from "./results.ts";
import { formatInterval, formatScore, type Table } from "./table.ts";

/** The metrics of one probe under the name that the table gives it. */
export interface ProbeSource {
  readonly name: string;
  readonly metrics: ProbeMetrics;
}

/** One source's score on one label. */
export interface ComparedScore {
  readonly source: string;
  /** The method that did best on held-out training rows. The test score has no say in it. */
  readonly method: Method;
  readonly validationScore: number;
  readonly score: number;
  readonly interval: Interval;
  /** 100 x (score of the first source - this score). */
  readonly pointsBehindFirst: number;
}

/** All sources' scores on one label. */
export interface ComparedLabel {
  readonly label: string;
  readonly task: Task;
  readonly metric: LabelResult["metric"];
  readonly baseline: number;
  readonly scores: readonly ComparedScore[];
}

/** Digits that rounding of a difference of scores keeps. */
function rounded(points: number): number {
  return Number(points.toFixed(4));
}

/**
 * Sets the probes of several sources of features side by side: for every label that the first one has, the
 * test score of the method with the best validation score.
 *
 * @throws {Failure} `data`: other test samples, a label that a source lacks, or another task
 */
export function compareProbes(sources: readonly ProbeSource[]): readonly ComparedLabel[] {
  const [first, ...others] = sources;
  if (!first) throw new RangeError("Cannot compare: no probe is given");
  for (const { name, metrics } of others) {
    if (metrics.test.samplesSha256 === first.metrics.test.samplesSha256) continue;
    throw new Failure(
      "data",
      `Cannot compare: "${name}" was scored on other test samples than "${first.name}" ` +
        `(${metrics.test.rows} and ${first.metrics.test.rows} rows), probe features of the same split`,
    );
  }
  return first.metrics.labels.map(({ label, task, metric, baseline }) => {
    const chosen = sources.map(({ name, metrics }) => {
      const result = metrics.labels.find((other) => other.label === label);
      if (result === undefined || result.task !== task) {
        const got = result === undefined ? "is missing" : `is a ${result.task} task`;
        throw new Failure(
          "data",
          `Cannot compare: label "${label}" is a ${task} task in "${first.name}" but ${got} in ` +
            `"${name}", probe both with the same --label and --task`,
        );
      }
      return { name, method: result.methods.find(({ method }) => method === result.best)! };
    });
    const scores = chosen.map(({ name, method }): ComparedScore => ({
      source: name,
      method: method.method,
      validationScore: method.validationScore,
      score: method.score,
      interval: method.interval,
      pointsBehindFirst: rounded(100 * (chosen[0]!.method.score - method.score)),
    }));
    return { label, task, metric, baseline, scores };
  });
}

/** Sources that fit side by side; more are listed one below the other. */
const MOST_COLUMNS = 4;

/**
 * Every cell is a score with its interval. Rows are labels and columns are sources; with many sources the other way
 * round.
 */
export function comparisonTable(labels: readonly ComparedLabel[]): Table {
  const sources = labels[0]?.scores.map(({ source }) => source) ?? [];
  const columns = labels.map(({ label, metric, baseline, scores }) => [
    `${label} (${metric === "accuracy" ? "accuracy" : "R2"})`,
    formatScore(baseline, metric),
    ...scores.map(({ score, interval, method }) =>
      `${formatScore(score, metric)} (${formatInterval(interval, metric)}), ${method}`
    ),
  ]);
  const table = [["label", "baseline", ...sources], ...columns];
  return sources.length > MOST_COLUMNS ? transposed(table) : table;
}

function transposed(table: Table): Table {
  return table[0]!.map((_, column) => table.map((row) => row[column]!));
}
