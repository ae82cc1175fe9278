/** Compares the scores of several probes on the same test samples. */
import { Failure } from "../failure.ts";
import type { Method, Task } from "./labels.ts";
import type { Interval } from "./metrics.ts";
import type { ProbeMetrics } from "./probe.ts";
import type { LabelResult, MethodResult } from "./results.ts";
import { formatInterval, formatScore, type Table } from "./table.ts";

/** The metrics of one probe with its name in the table. Several of one name are repeated runs. */
export interface ProbeSource {
  readonly name: string;
  readonly metrics: ProbeMetrics;
}

/** One source's score on one label. */
export interface ComparedScore {
  readonly source: string;
  readonly method: Method;
  /** Number of runs that the score is the mean of. */
  readonly runs: number;
  readonly validationScore: number;
  readonly score: number;
  /** 95 % bootstrap interval, of a single run. */
  readonly interval?: Interval;
  /** Standard deviation of the score over several runs (divisor: one less than the runs). */
  readonly deviation?: number;
  /** 100 x (score of the first source - this score); with `methods: "all"` of the same method. */
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

/**
 * Which methods are shown: `best`, the one with the best score on held-out training rows (never the test score; of
 * several runs the mean), or `all`.
 */
export type ShownMethods = "best" | "all";

type Score = Omit<ComparedScore, "source" | "pointsBehindFirst">;

/** Removes float noise from a difference of scores. */
function rounded(points: number): number {
  return Number(points.toFixed(4));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation of a sample. */
function deviationOf(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

function scoreOf(results: readonly MethodResult[]): Score {
  const [first] = results, scores = results.map(({ score }) => score);
  return {
    method: first!.method,
    runs: results.length,
    validationScore: mean(results.map(({ validationScore }) => validationScore)),
    score: mean(scores),
    ...results.length === 1 ? { interval: first!.interval } : { deviation: deviationOf(scores) },
  };
}

/** Every method that all runs of a source have, and the best of them. */
function methodsOf(runs: readonly LabelResult[]): { scores: readonly Score[]; best: Score } {
  const scores = runs[0]!.methods.flatMap(({ method }) => {
    const results = runs.map(({ methods }) => methods.find((other) => other.method === method));
    return results.every((result) => result !== undefined) ? [scoreOf(results)] : [];
  });
  const [only] = runs;
  const best = runs.length === 1
    ? scores.find(({ method }) => method === only!.best)
    : scores.reduce<Score | undefined>(
      (a, b) => a === undefined || b.validationScore > a.validationScore ? b : a,
      undefined,
    );
  if (best !== undefined) return { scores, best };
  throw new Failure(
    "data",
    `Cannot compare: the runs have no method in common on the label "${only!.label}", probe them ` +
      "with the same --method",
  );
}

function expectSameSamples([first, ...others]: readonly ProbeSource[]): void {
  for (const { name, metrics } of others) {
    if (metrics.test.samplesSha256 === first!.metrics.test.samplesSha256) continue;
    throw new Failure(
      "data",
      `Cannot compare: "${name}" was scored on other test samples than "${first!.name}" ` +
        `(${metrics.test.rows} and ${
          first!.metrics.test.rows
        } rows), probe features of the same split`,
    );
  }
}

/** The result of a source for a label of the first one. */
function resultOf(
  { name, metrics }: ProbeSource,
  { label, task, first }: Pick<LabelResult, "label" | "task"> & { readonly first: string },
): LabelResult {
  const result = metrics.labels.find((other) => other.label === label);
  if (result?.task === task) return result;
  const got = result === undefined ? "is missing" : `is a ${result.task} task`;
  throw new Failure(
    "data",
    `Cannot compare: label "${label}" is a ${task} task in "${first}" but ${got} in "${name}", ` +
      "probe both with the same --label and --task",
  );
}

/**
 * Compares the probes of several sources of features, for every label of the first one. Sources of one name are
 * repeated runs: their scores become a mean and a standard deviation.
 *
 * @throws {Failure} `data`: other test samples, a label that a source lacks, another task, or runs without a method in
 * common
 */
export function compareProbes(
  sources: readonly ProbeSource[],
  { methods = "best" }: { readonly methods?: ShownMethods } = {},
): readonly ComparedLabel[] {
  const [first] = sources;
  if (!first) throw new RangeError("Cannot compare: no probe is given");
  expectSameSamples(sources);
  const names = [...new Set(sources.map(({ name }) => name))];
  return first.metrics.labels.map(({ label, task, metric, baseline }) => {
    const all = names.flatMap((source) => {
      const runs = sources.filter(({ name }) => name === source)
        .map((run) => resultOf(run, { label, task, first: first.name }));
      const { scores, best } = methodsOf(runs);
      return (methods === "all" ? scores : [best]).map((score) => ({ source, ...score }));
    });
    const reference = (method: Method) =>
      methods === "all" ? all.find((score) => score.method === method) : all[0];
    const scores = all.map((score): ComparedScore => ({
      ...score,
      pointsBehindFirst: rounded(100 * (reference(score.method)!.score - score.score)),
    }));
    return { label, task, metric, baseline, scores };
  });
}

/** Sources that fit side by side; more are listed one below the other. */
const MOST_COLUMNS = 4;

/** A score with its interval, or with the deviation and number of its runs. */
function formatCompared(
  { score, runs, interval, deviation }: ComparedScore,
  metric: LabelResult["metric"],
): string {
  const text = formatScore(score, metric);
  if (interval !== undefined) return `${text} (${formatInterval(interval, metric)})`;
  const points = metric === "accuracy" ? (100 * deviation!).toFixed(2) : deviation!.toFixed(4);
  return `${text} ± ${points} (${runs} runs)`;
}

/**
 * Every cell is a score with its interval or deviation. Rows are labels and columns are sources; with many sources, or
 * several methods, the other way round.
 */
export function comparisonTable(labels: readonly ComparedLabel[]): Table {
  const sources = [...new Set(labels[0]?.scores.map(({ source }) => source))];
  const isOneEach = labels.every(({ scores }) => scores.length === sources.length);
  const lines = labels.flatMap(({ label, metric, baseline, scores }) => {
    const name = `${label} (${metric === "accuracy" ? "accuracy" : "R2"})`;
    const start = [name, formatScore(baseline, metric)];
    if (isOneEach) {
      return [[
        ...start,
        ...scores.map((each) => `${formatCompared(each, metric)}, ${each.method}`),
      ]];
    }
    const methods = [...new Set(scores.map(({ method }) => method))];
    return methods.map((method) => {
      const cells = sources.map((source) => {
        const found = scores.find((each) => each.source === source && each.method === method);
        return found === undefined ? "" : formatCompared(found, metric);
      });
      return [`${name}, ${method}`, start[1]!, ...cells];
    });
  });
  const table = [["label", "baseline", ...sources], ...lines];
  return sources.length > MOST_COLUMNS || !isOneEach ? transposed(table) : table;
}

function transposed(table: Table): Table {
  return table[0]!.map((_, column) => table.map((row) => row[column]!));
}
