/**
 * Writes down all that a finished run was made of, so that another program can repeat it:
 * `deno run --allow-read --allow-write --allow-ffi --allow-env=npm_package_config_libvips,MALLOC_ARENA_MAX,ORT_DISABLE_TELEMETRY
 * bench/twin/record.ts RUN SHARDS OUT`.
 *
 * `OUT/record.json` has sizes and constants, and the classes of the first label that has some;
 * `OUT/initial.safetensors` the weights before the first step; `OUT/steps-NNNNNNNN.safetensors` the steps from N on:
 * `S.images` [B 3 H W], `S.context` [B Kc], `S.targets` [M B Kt] and, with a label, `S.labels` [B] (-1: unknown) of each
 * step S, and `learning_rate`, `weight_decay`, `ema_momentum` of all of them, float64.
 */
import { join } from "node:path";
import { BatchLoader, type LabelColumn, openShards, type ShardSplit } from "../../lib/data/mod.ts";
import { Failure } from "../../lib/failure.ts";
import { writeSafetensors } from "../../lib/formats/safetensors.ts";
import { gridOf } from "../../lib/model/config.ts";
import { type Masks, sampleMasks } from "../../lib/model/masks.ts";
import { METRICS_FILE, type MetricsLine, readRun, type RunRecord } from "../../lib/run/mod.ts";
import { floatTensor, type HostTensor, type TensorRecord } from "../../lib/tensor.ts";
import {
  DEFAULTS,
  imageSizeOf,
  modelConfigOf,
  planRun,
  type PretrainConfig,
  type RunPlan,
} from "../../lib/config/mod.ts";
import { imagesOfStep, stepsPerEpochOf } from "../../lib/training/order.ts";
import { hyperOf, type StepHyper } from "../../lib/training/schedules.ts";
import { initialState } from "../../lib/training/state.ts";

const STEPS_PER_FILE = 50;

/** What PyTorch's side takes from the record; it knows every other setting of these groups by its default only. */
const REPEATED = {
  model: [
    ...["patchSize", "width", "depth", "heads", "mlpRatio", "initStd", "patchEmbedStd"],
    ...["predictorWidth", "predictorDepth", "predictorHeads"],
  ],
  objective: ["regularizer", "regularizerOn", "regularizerWeight"],
  optimizer: ["beta1", "beta2", "epsilon", "clipNorm"],
} as const satisfies { readonly [G in keyof PretrainConfig]?: readonly string[] };

/** A finished run and what follows from its configuration. */
interface Run {
  readonly directory: string;
  readonly shards: string;
  readonly record: RunRecord;
  readonly config: PretrainConfig;
  readonly plan: RunPlan;
  readonly metrics: readonly MetricsLine[];
}

/** The classes of images, by their numbers in the split. */
class Labels {
  readonly #split: ShardSplit;
  readonly #column: LabelColumn;
  readonly #known = new Map<number, number>();

  constructor(split: ShardSplit, column: LabelColumn) {
    this.#split = split;
    this.#column = column;
  }

  async of(samples: Iterable<number>): Promise<HostTensor> {
    const indices: number[] = [];
    for (const sample of samples) {
      const known = this.#known.get(sample) ?? await this.#read(sample);
      this.#known.set(sample, known);
      indices.push(known);
    }
    return { dtype: "int32", shape: [indices.length], data: Int32Array.from(indices) };
  }

  async #read(sample: number): Promise<number> {
    const { labels } = await this.#split.readSample(sample);
    return this.#column.classes!.indexOf(String(labels[this.#column.name]));
  }
}

/** Everything that one step works on. */
interface Step {
  readonly images: HostTensor;
  readonly labels: HostTensor | undefined;
  readonly masks: Masks;
  readonly hyper: StepHyper;
}

/** @throws {Failure} the run is not finished, did not start from random weights, or had other shards */
async function openRun(directory: string, shards: string): Promise<Run> {
  const record = await readRun(directory);
  const { config, shards: { images, manifestSha256 } } = record;
  const plan = planRun(config, stepsPerEpochOf({ images, batch: config.run.batch }));
  const path = join(directory, METRICS_FILE);
  const metrics = (await Deno.readTextFile(path)).trimEnd().split("\n")
    .map((line) => JSON.parse(line) as MetricsLine);
  const refuse = (what: string) => {
    throw new Failure("data", `Cannot record the run "${directory}": ${what}`);
  };
  if (metrics.length !== plan.steps) {
    refuse(`wanted ${plan.steps} lines in "${path}", got ${metrics.length}, finish the run first`);
  }
  if (record.initFrom !== undefined) {
    refuse(`it started from "${record.initFrom.path}", wanted one without --init-from`);
  }
  for (const [group, repeated] of Object.entries(REPEATED)) {
    const values = config[group as keyof typeof REPEATED];
    const defaults: Readonly<Record<string, unknown>> = {
      ...DEFAULTS[group as keyof typeof REPEATED],
    };
    for (const [key, value] of Object.entries(values)) {
      if ((repeated as readonly string[]).includes(key) || value === defaults[key]) continue;
      refuse(`the peer in PyTorch knows ${group}.${key}=${defaults[key]} only, got ${value}`);
    }
  }
  if (config.objective.regularizer === "sigreg") {
    refuse(`the peer in PyTorch knows objective.regularizer=none and vicreg only, got sigreg`);
  }
  const { manifestSha256: given } = await openShards(shards);
  if (given !== manifestSha256) {
    refuse(`the shards in "${shards}" are not those it has seen, give the ones of its --shards`);
  }
  return { directory, shards, record, config, plan, metrics };
}

/** Sizes and constants, under the names that PyTorch's side uses. */
function description({ config, plan, directory }: Run, column: LabelColumn | undefined): object {
  const { encoder, predictor } = modelConfigOf(config);
  const { initStd, patchEmbedStd } = config.model;
  const { beta1, beta2, epsilon, clipNorm } = config.optimizer;
  const { regularizer, regularizerOn: on, regularizerWeight: weight } = config.objective;
  return {
    format: "ijepa-record",
    version: 1,
    run: directory,
    steps: plan.steps,
    batch: config.run.batch,
    steps_per_file: STEPS_PER_FILE,
    model: {
      image_size: encoder.imageSize,
      patch_size: encoder.patchSize,
      width: encoder.width,
      depth: encoder.depth,
      heads: encoder.heads,
      mlp_width: encoder.mlpWidth,
      predictor_width: predictor.width,
      predictor_depth: predictor.depth,
      predictor_heads: predictor.heads,
      predictor_mlp_width: predictor.mlpWidth,
    },
    initialisation: { init_std: initStd, patch_embed_std: patchEmbedStd },
    adamw: { betas: [beta1, beta2], epsilon, clip_norm: clipNorm },
    regularizer: regularizer === "none" ? null : { on, weight },
    label: column === undefined ? null : { name: column.name, classes: column.classes },
  };
}

function loaderOf({ config, plan, shards, record }: Run): BatchLoader {
  const { seed, batch } = config.run;
  const { split, images } = record.shards;
  const { data } = config;
  const size = imageSizeOf(data);
  return new BatchLoader({
    spec: { shards, split, seed, size, crop: data, mean: data.mean, std: data.std },
    batch,
    firstStep: 0,
    endStep: plan.steps,
    samplesOf: (step) => imagesOfStep({ seed, images, batch }, step),
  });
}

/** What is recorded must be what the run has noted of the step. */
function expectNoted(run: Run, step: number, { masks, hyper }: Step): void {
  const noted = run.metrics[step]!;
  const pairs = [
    ["lr", noted.lr, hyper.learningRate],
    ["weight_decay", noted.weight_decay, hyper.weightDecay],
    ["ema_momentum", noted.ema_momentum, hyper.emaMomentum],
    ["context_tokens", noted.context_tokens, masks.contextTokens],
    ["target_tokens", noted.target_tokens, masks.targetTokens],
  ] as const;
  for (const [name, there, here] of pairs) {
    if (there === here) continue;
    throw new Failure(
      "data",
      `Cannot record the run "${run.directory}": ${name} of step ${step} is ${there} in its ` +
        `metrics and ${here} here, record it with the version that made it`,
    );
  }
}

async function stepOf(
  run: Run,
  { loader, labels }: { readonly loader: BatchLoader; readonly labels: Labels | undefined },
  step: number,
): Promise<Step> {
  const { config, plan, record: { shards } } = run;
  const { seed, batch } = config.run;
  const { images } = await loader.next(step);
  const recorded = {
    images: floatTensor([batch, 3, ...imageSizeOf(config.data)], images.slice()),
    labels: await labels?.of(imagesOfStep({ seed, images: shards.images, batch }, step)),
    masks: sampleMasks(config.masks, gridOf(modelConfigOf(config).encoder), { seed, step, batch }),
    hyper: hyperOf(config, { plan, step }),
  };
  expectNoted(run, step, recorded);
  return recorded;
}

function tensorsOf(steps: readonly Step[], first: number): TensorRecord {
  const values = (of: (hyper: StepHyper) => number): HostTensor => ({
    dtype: "float64",
    shape: [steps.length],
    data: Float64Array.from(steps, ({ hyper }) => of(hyper)),
  });
  const batches = steps.flatMap(
    ({ images, labels, masks }, i): (readonly [string, HostTensor])[] => {
      const { context, contextTokens, targets, targetTokens } = masks;
      const indices = (data: Int32Array<ArrayBuffer>, tokens: number): HostTensor => ({
        dtype: "int32",
        shape: [data.length / tokens, tokens],
        data,
      });
      return [
        [`${first + i}.images`, images],
        [`${first + i}.context`, indices(context, contextTokens)],
        [`${first + i}.targets`, indices(targets, targetTokens)],
        ...labels === undefined ? [] : [[`${first + i}.labels`, labels] as const],
      ];
    },
  );
  return {
    ...Object.fromEntries(batches),
    learning_rate: values(({ learningRate }) => learningRate),
    weight_decay: values(({ weightDecay }) => weightDecay),
    ema_momentum: values(({ emaMomentum }) => emaMomentum),
  };
}

/** Records the run into the folder `out`, which is made. */
export async function recordRun(
  directory: string,
  { shards, out }: { readonly shards: string; readonly out: string },
): Promise<void> {
  const run = await openRun(directory, shards);
  const { config, plan } = run;
  await Deno.mkdir(out, { recursive: true });
  const start = initialState(modelConfigOf(config), { seed: config.run.seed, ...config.model });
  const weights = Object.entries(start).filter(([name]) => !name.startsWith("moment"));
  await writeSafetensors(join(out, "initial.safetensors"), Object.fromEntries(weights));
  await using loader = loaderOf(run);
  const { manifest: { labels: columns }, ...opened } = await openShards(shards);
  const column = columns.find(({ type }) => type === "class");
  await using split = opened.split(run.record.shards.split);
  const sources = { loader, labels: column && new Labels(split, column) };
  for (let first = 0; first < plan.steps; first += STEPS_PER_FILE) {
    const steps: Step[] = [];
    for (let step = first; step < Math.min(plan.steps, first + STEPS_PER_FILE); step++) {
      steps.push(await stepOf(run, sources, step));
    }
    const name = `steps-${String(first).padStart(8, "0")}.safetensors`;
    await writeSafetensors(join(out, name), tensorsOf(steps, first));
  }
  // Last: where it lies, the record is complete.
  const text = JSON.stringify(description(run, column), null, 2) + "\n";
  await Deno.writeTextFile(join(out, "record.json"), text);
}

if (import.meta.main) {
  const [run, shards, out] = Deno.args;
  if (run === undefined || shards === undefined || out === undefined) {
    throw new Failure("usage", "Cannot record: wanted RUN SHARDS OUT");
  }
  await recordRun(run, { shards, out });
}
