/** Shards → a run: an I-JEPA encoder trained on their images. See `deno task pretrain --help`. */
import type { Outcome } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  formatRate,
  main,
  type Options,
  printMessage,
  Progress,
  readInput,
  SmoothedSeconds,
  VERSION,
  withLateProgress,
} from "../lib/cli/mod.ts";
import { BatchLoader, medianSide, openShards, type Shards, verifyShards } from "../lib/data/mod.ts";
import { HAS_TURBOJPEG } from "../lib/images/mod.ts";
import { Failure } from "../lib/failure.ts";
import {
  clearUpRun,
  finishedRun,
  finishRun,
  metricsLineOf,
  RunDirectory,
  type RunRecord,
} from "../lib/run/mod.ts";
import type { Runtime } from "../lib/compile/mod.ts";
import type { TensorRecord } from "../lib/tensor.ts";
import { availableMemory, createRuntime, RUNTIME_FLAGS } from "../lib/runtime/mod.ts";
import {
  CONFIG_FLAGS,
  DEFAULT_PRESET,
  describePlan,
  describeProposal,
  imageSizeOf,
  isModelStated,
  LENGTH_FLAGS,
  modelConfigOf,
  planRun,
  type PretrainConfig,
  resolveConfig,
  type ResolvedConfig,
  type RunPlan,
} from "../lib/config/mod.ts";
import { describeStep } from "../lib/training/describe.ts";
import { stepConfigOf } from "../lib/training/step.ts";
import { type StepReport, train } from "../lib/training/loop.ts";
import { describeMemory, expectStateFits, planMemory } from "../lib/training/memory.ts";
import { imagesOfStep, stepsPerEpochOf } from "../lib/training/order.ts";
import { unlessStopped } from "../lib/training/stopping.ts";
import { Trainer } from "../lib/training/trainer.ts";
import { startFrom, startingState } from "../lib/start/mod.ts";

const SPLIT = "train";
/** How the check of the shards is shown. */
const CHECKING = { stage: "pretrain", label: "checking shards", unit: "MB", perUnit: 1e6 } as const;

const SLOWER_DECODING =
  "libturbojpeg was not found (Debian: libturbojpeg0): JPEG files take about three times as long to decode";

const FLAGS = {
  shards: {
    type: "string",
    path: true,
    placeholder: "SHARDS",
    required: true,
    help: "directory that the shard stage has written",
  },
  out: {
    type: "string",
    path: true,
    placeholder: "RUN",
    required: true,
    help: "run directory to make or to go on with",
  },
  ...CONFIG_FLAGS,
  ...LENGTH_FLAGS,
  initFrom: {
    type: "string",
    path: true,
    placeholder: "PATH",
    help: "weights to start from: an encoder's directory, a run, a .safetensors or a .pth.tar",
  },
  ...RUNTIME_FLAGS,
} as const;

type PretrainOptions = Options<typeof FLAGS>;

const COMMAND = {
  name: "pretrain",
  summary: "trains an encoder on images without labels, by predicting masked blocks (I-JEPA)",
  flags: FLAGS,
  examples: [
    "deno task pretrain --shards shards --out run",
    "deno task pretrain --shards shards --out run --preset vitxs8-96 --epochs 100 --batch 128",
    "deno task pretrain --shards shards --out run --config run.json --set schedule.learningRate=3e-4",
    "deno task pretrain --shards shards --out run --preset vitxs8-96 --init-from encoder",
  ],
  details:
    `Writes config.json (every value and where it came from), metrics.jsonl (one line per step),
tensorboard/ (the same for TensorBoard), checkpoints/step-*/ (run.keepLast newest, and every run.keepEvery-th) and,
at the end, receipt.json.
Stopped (SIGTERM, SIGINT, SIGHUP) or killed: give the same command again, it goes on from the newest valid checkpoint and ends
with the same bytes. Values win in the order default, preset, masks.strategy, --config, --set, flags; see
lib/config/settings.ts and "deno task masks".
--init-from maps official, timm and Hugging Face names; sizes must fit. Of an encoder alone both networks start, and the
predictor is new. Moments, schedules and the position table are always this run's own.`,
  stopsCleanly: true,
} as const satisfies Command<typeof FLAGS>;

function say(text: string): void {
  printMessage("pretrain", text);
}

async function readConfig(options: PretrainOptions): Promise<ResolvedConfig> {
  const { set: sets, steps, epochs, batch, accumulate, seed, checkpointSteps } = options;
  const preset = options.preset ?? DEFAULT_PRESET;
  const file = await readInput(options.config, "read the configuration", "check --config");
  const flags = { steps, epochs, batch, accumulate, seed, checkpointSteps };
  return resolveConfig({ preset, file, sets, flags });
}

/** A trainer that holds the state. No other copy is kept, which would take its memory for the whole run. */
async function startTrainer(
  run: RunDirectory,
  { config, runtime, weights, threads }: {
    readonly config: PretrainConfig;
    readonly runtime: Runtime;
    readonly weights: TensorRecord | undefined;
    readonly threads: number;
  },
): Promise<Trainer> {
  const available = await availableMemory();
  // Other threads draw weights while this one traces the programs.
  const state = startingState(run, config, { weights, threads });
  state.catch(() => {}); // Reported where it is awaited.
  const trainer = await Trainer.create(runtime, stepConfigOf(config));
  const memory = planMemory(config, trainer);
  if (memory !== undefined) { for (const line of describeMemory(memory, available)) say(line); }
  trainer.write(await state);
  return trainer;
}

/** Trains until the end of the plan or the signal. @returns steps done */
async function trainInto(run: RunDirectory, parts: {
  readonly weights: TensorRecord | undefined;
  readonly options: PretrainOptions;
  readonly config: PretrainConfig;
  readonly plan: RunPlan;
  readonly images: number;
  readonly runtime: Runtime;
  readonly context: Context;
}): Promise<number> {
  const { options, config, plan, images, runtime, context } = parts;
  const { seed, batch } = config.run;
  const firstStep = run.checkpoint?.step ?? 0;
  await using loader = new BatchLoader({
    spec: {
      shards: options.shards,
      split: SPLIT,
      seed,
      size: imageSizeOf(config.data),
      crop: config.data,
      mean: config.data.mean,
      std: config.data.std,
    },
    batch,
    firstStep,
    endStep: plan.steps,
    samplesOf: (step) => imagesOfStep({ seed, images, batch }, step),
  });
  const { threads = navigator.hardwareConcurrency } = options;
  const starting = startTrainer(run, { config, runtime, weights: parts.weights, threads });
  using trainer = await unlessStopped(starting, context.signal);
  const progress = new Progress({
    stage: "pretrain",
    label: "training",
    total: plan.steps,
    unit: "steps",
    start: firstStep,
  });
  const speed = new SmoothedSeconds();
  let known: Partial<StepReport> = {};
  try {
    const end = await train({
      config,
      plan,
      firstStep,
      trainer,
      nextBatch: (step) => loader.next(step),
      onStep(report) {
        run.appendMetrics(metricsLineOf(report));
        // What few steps measure stays on the progress line.
        known = { ...known, ...report };
        const rate = formatRate(batch / speed.add(report.seconds));
        const note = `${describeStep(known, config)}, ${rate} images/s`;
        progress.update(report.step + 1, note);
      },
      async onCheckpoint(step, tensors) {
        await run.writeCheckpoint({ step, tensors });
      },
      warn: (text) => progress.say(text),
      signal: context.signal,
      drawn: options.initFrom === undefined,
      stopOnCollapse: options.stopOnCollapse,
    });
    return end.step;
  } finally {
    progress.close();
  }
}

/** Proposes a preset if no network was chosen. Damaged shards are reported later. */
async function propose(shards: Shards): Promise<void> {
  await using split = shards.split(SPLIT);
  const pixels = await medianSide(split).catch(() => undefined);
  if (pixels !== undefined) say(describeProposal({ pixels, images: split.length }));
}

/** Trains an encoder on the split `train`; see `lib/run` for what is written. */
export async function pretrain(options: PretrainOptions, context: Context): Promise<Outcome> {
  const { out, threads, initFrom } = options, { signal } = context;
  const resolved = await readConfig(options);
  const { config, origins } = resolved;
  expectStateFits(config, await availableMemory());
  const shards = await unlessStopped(openShards(options.shards), signal);
  const { length: images } = shards.split(SPLIT);
  const plan = planRun(config, stepsPerEpochOf({ images, batch: config.run.batch }));
  const { steps } = plan;
  const start = initFrom === undefined ? undefined : await unlessStopped(
    startFrom(initFrom, { run: out, model: modelConfigOf(config), say }),
    signal,
  );
  const begun = {
    format: "ijepa-run",
    version: 1,
    tool: VERSION,
    config,
    origins,
    shards: { manifestSha256: shards.manifestSha256, split: SPLIT, images },
    ...start === undefined ? {} : { initFrom: start.origin },
  } as const;
  const outcome = { stage: "pretrain", out } as const;
  const finished = await unlessStopped(finishedRun(out, { identity: begun, steps }), signal);
  if (finished !== undefined) {
    await clearUpRun(out);
    return { ...outcome, status: "up to date", ...finished };
  }
  const runtime = await createRuntime(options.runtime, threads === undefined ? {} : { threads });
  const { name, description } = runtime;
  const record: RunRecord = { ...begun, runtime: { name, description } };
  const opening = RunDirectory.open(out, { record, retention: config.run, steps, say });
  await using run = await unlessStopped(opening, signal);
  if (run.checkpoint?.step !== steps) {
    for (const line of describePlan(resolved, { plan, images })) say(line);
    say(description);
    const isChosen = options.preset !== undefined || isModelStated(resolved);
    if (run.checkpoint === undefined && !isChosen) await propose(shards);
    if (!HAS_TURBOJPEG) say(SLOWER_DECODING);
    if (run.checkpoint !== undefined) say(`going on after step ${run.checkpoint.step}`);
    // Damaged shards must not be found hours later.
    const checked = withLateProgress(CHECKING, (show) => verifyShards(shards, SPLIT, show));
    await unlessStopped(checked, signal);
    const { weights } = start ?? {};
    const parts = { options, config, plan, images, runtime, context, weights };
    const done = await trainInto(run, parts);
    if (done < steps) {
      throw new Failure(
        "stopped",
        `Stopped after ${done} of ${steps} steps, give the same command again to go on`,
      );
    }
  }
  const summary = await finishRun(out, { record, shards: options.shards, steps });
  return { ...outcome, status: "done", ...summary };
}

if (import.meta.main) await main(COMMAND, pretrain);
