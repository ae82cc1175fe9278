/** Runs every method on every label of a pair of feature files. */
import { basename } from "node:path";
import type { Runtime } from "../compile/mod.ts";
import { Failure } from "../failure.ts";
import { shorten } from "../foreign_text.ts";
import { sha256 } from "../files/mod.ts";
import {
  expectDisjoint,
  expectSameKind,
  expectUsable,
  type NamedFeatures,
  warningsOfRepeats,
} from "./checks.ts";
import { probeKnnClasses, probeLogistic } from "./classify.ts";
import {
  type Choices,
  type ClassLabel,
  labelsToProbe,
  METHODS,
  type NumberLabel,
  readLabel,
} from "./labels.ts";
import { meanAbsoluteError, rSquared } from "./metrics.ts";
import { NeighbourSearch } from "./neighbour_search.ts";
import { probeKnnNumbers, probeRidge } from "./regress.ts";
import { bestMethod, type LabelResult, type MethodRun } from "./results.ts";

/** Characters of names that a warning lists. */
const LONGEST_LIST = 200;

/** A probed label with all results. */
export interface LabelRun {
  readonly label: ClassLabel | NumberLabel;
  readonly result: LabelResult;
  readonly methods: readonly MethodRun[];
}

/** A label that could not be probed, and why. */
export interface SkippedLabel {
  readonly label: string;
  readonly reason: string;
}

/** The content of `metrics.json`. No times and no folders: same inputs and seed, same bytes. */
export interface ProbeMetrics {
  readonly format: "ijepa-probe";
  readonly version: 1;
  readonly seed: number;
  /** D */
  readonly width: number;
  readonly train: { readonly file: string; readonly rows: number };
  readonly test: {
    readonly file: string;
    readonly rows: number;
    /** SHA-256 of the sample keys: equal where probes were scored on the same samples. */
    readonly samplesSha256: string;
  };
  /** Schema metadata of the training features, without the list of shards. */
  readonly features: Readonly<Record<string, string>>;
  readonly labels: readonly LabelResult[];
  readonly skipped: readonly SkippedLabel[];
  readonly warnings: readonly string[];
}

/** Everything a probe yields. */
export interface ProbeRun {
  readonly metrics: ProbeMetrics;
  readonly labels: readonly LabelRun[];
}

/** Settings of a probe. */
export interface ProbeOptions {
  readonly choices: Choices;
  readonly seed: number;
  /** Computes the logistic regressions. */
  readonly runtime: Runtime;
  /** Called when a part begins, for example with `shape: logistic`. */
  readonly onStep?: (text: string) => void;
  readonly onProgress?: (doneQueries: number, totalQueries: number) => void;
}

function baselineOf(label: ClassLabel | NumberLabel): number {
  if (label.task === "classify") {
    const counts = new Uint32Array(label.classCount);
    for (const place of label.train) counts[place]!++;
    const commonest = counts.indexOf(counts.reduce((a, b) => Math.max(a, b)));
    return label.test.filter((place) => place === commonest).length / label.test.length;
  }
  return rSquared(trainMean(label), label.test);
}

function trainMean({ train, test }: NumberLabel): Float64Array {
  return new Float64Array(test.length).fill(train.reduce((sum, y) => sum + y, 0) / train.length);
}

function classCounts({ classes, train, test }: ClassLabel): LabelResult["classes"] {
  const counts = classes.map((name) => ({ name, train: 0, test: 0 }));
  for (const place of train) counts[place]!.train++;
  for (const place of test) counts[place]!.test++;
  return counts;
}

function warningsFor(
  label: ClassLabel | NumberLabel,
  { train, test }: { readonly train: NamedFeatures; readonly test: NamedFeatures },
): string[] {
  const warnings: string[] = [];
  for (
    const [{ path, features }, rows] of [[train, label.trainRows], [test, label.testRows]] as const
  ) {
    const without = features.rows - rows.length;
    if (without > 0) {
      warnings.push(`${without} rows of "${basename(path)}" have no value and are left out`);
    }
  }
  if (label.task === "classify" && label.classes.length > label.classCount) {
    const unseen = label.classes.slice(label.classCount);
    const rows = label.test.filter((place) => place >= label.classCount).length;
    warnings.push(
      `${rows} test rows are of classes that no training row has (${
        shorten(unseen.join(", "), LONGEST_LIST)
      }) ` +
        `and count as wrong`,
    );
  }
  return warnings;
}

async function probeLabel(
  files: { readonly train: NamedFeatures; readonly test: NamedFeatures },
  label: ClassLabel | NumberLabel,
  { options, search }: { readonly options: ProbeOptions; readonly search: NeighbourSearch },
): Promise<LabelRun> {
  const { choices, seed, runtime, onStep = () => {} } = options;
  const features = { train: files.train.features, test: files.test.features, seed };
  const runs: MethodRun[] = [];
  for (const method of METHODS[label.task]) {
    if (choices.method !== undefined && choices.method !== method) continue;
    onStep(`${label.label}: ${method}, ${label.trainRows.length} training rows`);
    if (label.task === "classify") {
      const problem = { ...features, label };
      runs.push(
        method === "knn"
          ? await probeKnnClasses(problem, search)
          : await probeLogistic(problem, runtime),
      );
    } else {
      const problem = { ...features, label };
      runs.push(
        method === "knn" ? await probeKnnNumbers(problem, search) : await probeRidge(problem),
      );
    }
  }
  const isClass = label.task === "classify";
  const result: LabelResult = {
    label: label.label,
    task: label.task,
    metric: isClass ? "accuracy" : "r2",
    trainRows: label.trainRows.length,
    testRows: label.testRows.length,
    baseline: baselineOf(label),
    ...(isClass
      ? { classes: classCounts(label)! }
      : { baselineMeanAbsoluteError: meanAbsoluteError(trainMean(label), label.test) }),
    best: bestMethod(runs),
    methods: runs.map((run) => run.result),
    warnings: warningsFor(label, files),
  };
  return { label, result, methods: runs };
}

/** Why a label is skipped, without the folders of the files: metrics are published. */
function reasonOf({ message }: Failure, files: readonly NamedFeatures[]): string {
  return files.reduce(
    (text, { path }) => text.replaceAll(`"${path}"`, `"${basename(path)}"`),
    message.replace(/^Cannot probe: /, ""),
  );
}

/** Reads the labels to probe. Only a requested label must work; others are skipped with the reason. */
function readLabels(
  train: NamedFeatures,
  test: NamedFeatures,
  { choices }: ProbeOptions,
): { ready: (ClassLabel | NumberLabel)[]; skipped: SkippedLabel[] } {
  const ready: (ClassLabel | NumberLabel)[] = [], skipped: SkippedLabel[] = [];
  const names = labelsToProbe(train, test, choices);
  for (const label of names) {
    try {
      ready.push(readLabel(train, test, { label, choices }));
    } catch (error) {
      if (!(error instanceof Failure) || names.length === 1) throw error;
      skipped.push({ label, reason: reasonOf(error, [train, test]) });
    }
  }
  if (ready.length === 0) {
    const reasons = skipped.map(({ reason }) => reason).join("; ");
    throw new Failure("data", `Cannot probe: no label can be used: ${reasons}`);
  }
  return { ready, skipped };
}

/**
 * Probes frozen features: fits every fitting method on the training features, with its strength chosen on a
 * held-out part of them, and scores it once on the test features.
 *
 * @throws {Failure} `data` or `usage`: the files do not go together, or nothing can be learnt from them
 */
export async function probeFeatures(
  train: NamedFeatures,
  test: NamedFeatures,
  options: ProbeOptions,
): Promise<ProbeRun> {
  expectSameKind(train, test);
  expectUsable(train);
  expectUsable(test);
  const overlap = expectDisjoint(train, test);
  const { ready, skipped } = readLabels(train, test, options);
  const search = new NeighbourSearch(train.features, test.features, options);
  const labels: LabelRun[] = [];
  for (const label of ready) {
    labels.push(await probeLabel({ train, test }, label, { options, search }));
  }
  const { "ijepa.shards": _shards, ...features } = train.features.metadata;
  const metrics: ProbeMetrics = {
    format: "ijepa-probe",
    version: 1,
    seed: options.seed,
    width: train.features.width,
    train: { file: basename(train.path), rows: train.features.rows },
    test: {
      file: basename(test.path),
      rows: test.features.rows,
      samplesSha256: sha256(test.features.keys.join("\n")),
    },
    features,
    labels: labels.map(({ result }) => result),
    skipped,
    warnings: [
      ...overlap === 0 ? [] : [
        `${overlap} keys of "${basename(test.path)}" are also in "${basename(train.path)}", from ` +
        "other shards: check that they are other images",
      ],
      ...[train, test].flatMap(warningsOfRepeats),
    ],
  };
  return { metrics, labels };
}
