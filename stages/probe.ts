/** Feature files → probe scores, predictions and weights. See `deno task probe --help`. */
import { join } from "node:path";
import { hashInput, makeArtifact, type Outcome } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  expectInput,
  main,
  type Options,
  printLines,
  printMessage,
  VERSION,
  withLateProgress,
} from "../lib/cli/mod.ts";
import { Failure } from "../lib/failure.ts";
import { writeAll } from "../lib/files/mod.ts";
import { readFeatures } from "../lib/formats/arrow.ts";
import { writeSafetensors } from "../lib/formats/safetensors.ts";
import {
  METRICS_FILE,
  type NamedFeatures,
  plainTable,
  predictionsCsv,
  probeFeatures,
  type ProbeMetrics,
  type ProbeRun,
  probeTable,
  probeWeights,
  readProbeMetrics,
} from "../lib/probe/mod.ts";
import { createRuntime, RUNTIME_FLAGS } from "../lib/runtime/mod.ts";

const FLAGS = {
  train: {
    type: "string",
    path: true,
    placeholder: "FEATURES",
    required: true,
    help: "features that the probes learn from",
  },
  test: {
    type: "string",
    path: true,
    placeholder: "FEATURES",
    required: true,
    help: "features of other images that the probes are scored on",
  },
  out: {
    type: "string",
    path: true,
    placeholder: "PROBE",
    required: true,
    help: "directory to make",
  },
  label: {
    type: "string",
    placeholder: "NAME",
    help: "label column to predict; without it every label of the features",
  },
  task: {
    type: "string",
    placeholder: "TASK",
    choices: ["classify", "regress"],
    help: "what to predict; without it names and counts are classified, other numbers regressed",
  },
  method: {
    type: "string",
    placeholder: "METHOD",
    choices: ["logistic", "knn", "ridge", "all"],
    default: "all",
    help: "probe to use",
  },
  seed: {
    type: "integer",
    placeholder: "N",
    default: 0,
    min: 0,
    max: 0xffffffff,
    help: "decides which training rows are held out, and the resamples of the intervals",
  },
  ...RUNTIME_FLAGS,
  force: { type: "boolean", help: "replace a probe that was made from something else" },
} as const;

type ProbeStageOptions = Options<typeof FLAGS>;

const COMMAND = {
  name: "probe",
  summary: "scores frozen features by what simple predictors can read from them",
  flags: FLAGS,
  examples: [
    "deno task probe --train train.arrow --test test.arrow --out probe",
    "deno task probe --train train.arrow --test test.arrow --out probe --label shape --method knn",
  ],
  details:
    `Classes: logistic (multinomial, L2, C from 1e-5 to 1e4 in half decades) and knn (cosine, votes exp(s / 0.07),
k of 10, 20, 100, 200). Numbers: ridge (alpha from 1e-8 to 1e2 per row in half decades) and knn. C, k and alpha
are chosen on a fifth of the training features; test features are scored once. A star marks the method that did
best on that fifth. Intervals are 95 % bootstrap intervals over test rows.
Writes metrics.json, predictions.csv, weights.safetensors (linear maps on the embeddings) and receipt.json.`,
} as const satisfies Command<typeof FLAGS>;

/** How searches of neighbours are shown. */
const SEARCHING = { stage: "probe", label: "neighbours", unit: "rows" } as const;

function say(text: string): void {
  printMessage("probe", text);
}

async function readNamed(path: string): Promise<NamedFeatures> {
  return { path, features: await readFeatures(path) };
}

async function expectFile(path: string): Promise<void> {
  await expectInput(path, "probe", 'make it with "deno task features"');
  if ((await Deno.stat(path)).isFile) return;
  throw new Failure(
    "missing",
    `Cannot probe: "${path}" is a directory, give the feature file itself`,
  );
}

async function writeOutputs(directory: string, run: ProbeRun, test: NamedFeatures): Promise<void> {
  const text = JSON.stringify(run.metrics, null, 2) + "\n";
  await Deno.writeTextFile(join(directory, METRICS_FILE), text);
  using file = await Deno.open(join(directory, "predictions.csv"), { write: true, create: true });
  const encoder = new TextEncoder();
  for (const piece of predictionsCsv(run.labels, test.features)) {
    await writeAll(file, encoder.encode(piece));
  }
  const { tensors, metadata } = probeWeights(run.labels);
  if (Object.keys(tensors).length === 0) return; // Nearest neighbours have no weights.
  const path = join(directory, "weights.safetensors");
  await writeSafetensors(path, tensors, { ...run.metrics.features, ...metadata });
}

/** What goes on stdout and into the receipt: per label the method chosen on held-out training rows. */
function summaryOf({ labels, skipped, train, test }: ProbeMetrics): object {
  return {
    trainRows: train.rows,
    testRows: test.rows,
    labels: labels.map(({ label, task, metric, baseline, best, methods }) => {
      const { score, interval, validationScore } = methods.find((m) => m.method === best)!;
      return { label, task, metric, method: best, score, interval, validationScore, baseline };
    }),
    skipped,
  };
}

async function showResults(directory: string): Promise<void> {
  const metrics = await readProbeMetrics(directory, "show the scores");
  for (const warning of metrics.warnings) say(`warning: ${warning}`);
  for (const { label, warnings } of metrics.labels) {
    for (const warning of warnings) say(`warning: ${label}: ${warning}`);
  }
  for (const { label, reason } of metrics.skipped) say(`warning: ${label} is skipped: ${reason}`);
  printLines(plainTable(probeTable(metrics)));
}

/** Fits and scores the probes; see `lib/probe`. */
export async function probe(options: ProbeStageOptions, _context: Context): Promise<Outcome> {
  const { train: trainPath, test: testPath, out, label, task, method, seed, force } = options;
  const { runtime: runtimeName, threads } = options;
  await expectFile(trainPath);
  await expectFile(testPath);
  const spec = {
    stage: "probe",
    version: VERSION,
    path: out,
    kind: "directory",
    config: { label: label ?? null, task: task ?? null, method, seed, runtime: runtimeName },
    inputs: [await hashInput(trainPath, "probe"), await hashInput(testPath, "probe")],
    force,
  } as const;
  const outcome = await makeArtifact(spec, async (directory) => {
    const train = await readNamed(trainPath), test = await readNamed(testPath);
    const { rows, width } = train.features;
    say(`${rows} training and ${test.features.rows} test rows of width ${width}`);
    const runtime = await createRuntime(runtimeName, threads === undefined ? {} : { threads });
    const choices = { label, task, method: method === "all" ? undefined : method };
    const run = await withLateProgress(
      SEARCHING,
      (onProgress) =>
        probeFeatures(train, test, { choices, seed, runtime, onStep: say, onProgress }),
    );
    await writeOutputs(directory, run, test);
    return summaryOf(run.metrics);
  });
  await showResults(out);
  return outcome;
}

if (import.meta.main) await main(COMMAND, probe);
