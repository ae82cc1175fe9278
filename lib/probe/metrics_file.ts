/** Reads `metrics.json` of a probe. */
import { join } from "node:path";
import * as v from "valibot";
import { readJson } from "../files/mod.ts";
import type { ProbeMetrics } from "./probe.ts";
import type { LabelResult } from "./results.ts";

/** Name of the scores inside a probe's directory. */
export const METRICS_FILE = "metrics.json";

const TEXT = v.pipe(v.string(), v.maxLength(65536));
const COUNT = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const NUMBER = v.pipe(v.number(), v.finite());
const SHARE = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
/** Accuracies are shares, R² has no lower end. */
const SCORE = v.pipe(NUMBER, v.maxValue(1));
const INTERVAL = v.pipe(
  v.strictTuple([SCORE, SCORE]),
  v.check(([low, high]) => low <= high, "its lower end first"),
);
const METHOD = v.picklist(["logistic", "knn", "ridge"]);
const SHA256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a SHA-256 of 64 hexadecimal digits"));

/** Class names can be anything, even `constructor`, which a schema of keys would skip. */
function isNumberByName(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every(Number.isFinite);
}

const METHOD_RESULT = v.object({
  method: METHOD,
  strength: v.object({
    name: v.picklist(["C", "k", "alpha"]),
    value: NUMBER,
    atGridEdge: v.boolean(),
  }),
  validationScore: SCORE,
  score: SCORE,
  interval: INTERVAL,
  balancedAccuracy: v.exactOptional(SHARE),
  top5Accuracy: v.exactOptional(SHARE),
  recalls: v.exactOptional(
    v.custom<Readonly<Record<string, number>>>(isNumberByName, "numbers by class"),
  ),
  meanAbsoluteError: v.exactOptional(NUMBER),
  grid: v.array(v.object({ strength: NUMBER, validationScore: NUMBER })),
});

type LabelScores = Pick<LabelResult, "task" | "metric" | "baseline" | "methods">;

function hasSharesOnly({ metric, baseline, methods }: LabelScores): boolean {
  if (metric === "r2") return true;
  return [baseline, ...methods.flatMap((m) => [m.validationScore, m.score, ...m.interval])]
    .every((score) => score >= 0);
}

function areDifferent(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

const LABEL_RESULT = v.pipe(
  v.object({
    label: TEXT,
    task: v.picklist(["classify", "regress"]),
    metric: v.picklist(["accuracy", "r2"]),
    trainRows: COUNT,
    testRows: COUNT,
    baseline: SCORE,
    baselineMeanAbsoluteError: v.exactOptional(NUMBER),
    classes: v.exactOptional(v.array(v.object({ name: TEXT, train: COUNT, test: COUNT }))),
    best: METHOD,
    methods: v.array(METHOD_RESULT),
    warnings: v.array(TEXT),
  }),
  v.forward(
    v.check(
      ({ methods, best }) => methods.some(({ method }) => method === best),
      "one of the methods",
    ),
    ["best"],
  ),
  v.forward(
    v.check(
      ({ task, metric }) => metric === (task === "classify" ? "accuracy" : "r2"),
      "the metric of its task",
    ),
    ["metric"],
  ),
  v.forward(
    v.check(({ methods }) => areDifferent(methods.map(({ method }) => method)), "each method once"),
    ["methods"],
  ),
  v.check((label) => hasSharesOnly(label), "accuracies from 0 to 1"),
);

const METRICS = v.object({
  format: v.literal("ijepa-probe"),
  version: v.literal(1),
  seed: COUNT,
  width: COUNT,
  train: v.object({ file: TEXT, rows: COUNT }),
  test: v.object({ file: TEXT, rows: v.pipe(COUNT, v.minValue(1)), samplesSha256: SHA256 }),
  features: v.record(v.string(), v.string()),
  labels: v.pipe(
    v.array(LABEL_RESULT),
    v.minLength(1, "a label at least"),
    v.check((labels) => areDifferent(labels.map(({ label }) => label)), "each label once"),
  ),
  skipped: v.array(v.object({ label: TEXT, reason: TEXT })),
  warnings: v.array(TEXT),
});

/**
 * Reads the scores of a probe.
 *
 * @param action what the caller does, for messages
 * @throws {Failure} `missing`: not found; `data`: not written by a probe
 */
export async function readProbeMetrics(directory: string, action: string): Promise<ProbeMetrics> {
  const advice = 'make it with "deno task probe"';
  return await readJson(join(directory, METRICS_FILE), METRICS, { action, advice });
}
