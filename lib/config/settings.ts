/** The configuration of pretraining: its types, defaults and derived values. */
import { Failure } from "../failure.ts";
import type { ModelConfig } from "../model/config.ts";
import { ENCODER_SIZES } from "../model/presets.ts";
import type { MaskConfig } from "../model/masks/types.ts";
import { MOST } from "./limits.ts";
import { type ObjectiveSettings, REGULARIZER_WEIGHTS } from "./objective.ts";
import type { OptimizerConfig } from "./optimizer.ts";

/** Images and how they are cropped (docs/method.md section 6). */
export interface DataConfig {
  /** Side of a square input in pixels, or height and width. */
  readonly imageSize: number | readonly [height: number, width: number];
  /** Smallest and largest area of a random crop, as a fraction of the image. */
  readonly cropScale: readonly [min: number, max: number];
  /** Smallest and largest width / height of a random crop. */
  readonly cropAspect: readonly [min: number, max: number];
  /** Mirror half of the crops. */
  readonly horizontalFlip: boolean;
  /** Channel means that are subtracted, on a scale of 0 to 1. */
  readonly mean: readonly [red: number, green: number, blue: number];
  /** Channel standard deviations that are divided by, on a scale of 0 to 1. */
  readonly std: readonly [red: number, green: number, blue: number];
}

/** Sizes and initialisation of encoder and predictor. */
export interface ModelSettings {
  /** Side of a square patch, pixels. */
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Width of the encoder's MLPs, as a multiple of `width`. The predictor's is always 4. */
  readonly mlpRatio: number;
  /**
   * Learned tokens R that every sequence of the encoders gets besides its patches (arXiv 2309.16588). They have no
   * position, nothing is predicted from or for them, and no output has them.
   *
   * @default 0
   */
  readonly registers: number;
  /**
   * Standard deviation of the initial patch embedding.
   *
   * @default 0.02 sqrt(768 / values of a patch): see {@link initialDeviations}
   */
  readonly patchEmbedStd: number;
  /**
   * Standard deviation of all other initial weights.
   *
   * @default 0.02 sqrt(1280 / width)
   */
  readonly initStd: number;
  readonly predictorWidth: number;
  readonly predictorDepth: number;
  readonly predictorHeads: number;
}

/** Length of the run and the schedules over it (docs/method.md section 5.5). */
export interface ScheduleConfig {
  /** Length of the run; exactly one of `steps` and `epochs` is given. */
  readonly steps?: number;
  readonly epochs?: number;
  /** Linear warm-up of the learning rate; exactly one of the two is given. */
  readonly warmupSteps?: number;
  readonly warmupEpochs?: number;
  readonly startLearningRate: number;
  /** The peak, reached at the end of the warm-up. */
  readonly learningRate: number;
  readonly finalLearningRate: number;
  readonly weightDecay: number;
  readonly finalWeightDecay: number;
  /**
   * Momentum of the target encoder at the first step.
   *
   * @default see {@link initialMomentum}; 0.996 for lengths in epochs
   */
  readonly emaStart: number;
  /** Momentum at the end; it grows linearly. */
  readonly emaEnd: number;
  /** Stretches all schedules beyond the end of the run, which stops before their end. */
  readonly ipeScale: number;
}

/** How the run is executed and saved. */
export interface RunConfig {
  /** Images B per step. */
  readonly batch: number;
  /**
   * Parts of a batch that are computed one after the other (gradient accumulation): the same update in less memory.
   * Divides `batch`.
   *
   * @default 1
   */
  readonly accumulate: number;
  readonly seed: number;
  /** Steps between checkpoints. */
  readonly checkpointSteps: number;
  /** Newest checkpoints to keep. */
  readonly keepLast: number;
  /** Besides those, every checkpoint whose step is a multiple of `keepEvery * checkpointSteps`; 0 for none. */
  readonly keepEvery: number;
}

/** Everything that decides the outcome of pretraining. */
export interface PretrainConfig {
  readonly data: DataConfig;
  readonly model: ModelSettings;
  readonly masks: MaskConfig;
  readonly objective: ObjectiveSettings;
  readonly optimizer: Required<OptimizerConfig>;
  readonly schedule: ScheduleConfig;
  readonly run: RunConfig;
}

/** A partial configuration, applied over another. */
export type ConfigPatch = { readonly [G in keyof PretrainConfig]?: Partial<PretrainConfig[G]> };

/** Three significant digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/**
 * Initial deviations that scale signals like 0.02 in the official ViT-H with patches of 16: a linear layer multiplies
 * the variance of D inputs by D std². With 0.02 at a width of 192 the blocks add a third of that to their input, and
 * the targets stay patch and position.
 */
export function initialDeviations(
  { width, patchSize }: Pick<ModelSettings, "width" | "patchSize">,
): Pick<ModelSettings, "initStd" | "patchEmbedStd"> {
  return {
    patchEmbedStd: rounded(0.02 * Math.sqrt(768 / (3 * patchSize ** 2))),
    initStd: rounded(0.02 * Math.sqrt(1280 / width)),
  };
}

/**
 * Momentum at the start of a run of so many steps: the target encoder forgets over a 25th of the run, at least 25 steps
 * and at most the 250 of the paper.
 */
export function initialMomentum(steps: number): number {
  return rounded(1 - 1 / Math.min(250, Math.max(25, steps / 25)));
}

/** Sizes of a ViT-S/16. */
const SMALL_16 = { patchSize: 16, ...ENCODER_SIZES.small };

/** The values that all official configurations share, with a ViT-S/16 at 224 px and a batch for one machine. */
export const DEFAULTS: PretrainConfig = {
  data: {
    imageSize: 224,
    cropScale: [0.3, 1],
    cropAspect: [3 / 4, 4 / 3],
    horizontalFlip: false,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
  model: {
    ...SMALL_16,
    registers: 0,
    ...initialDeviations(SMALL_16),
    predictorWidth: 192,
    predictorDepth: 6,
    predictorHeads: 6,
  },
  masks: {
    strategy: "multiblock",
    sampler: "full",
    targetBlocks: 4,
    targetScale: [0.15, 0.2],
    targetAspect: [0.75, 1.5],
    targetPlacement: "uniform",
    contextScale: [0.85, 1],
    minKeep: 10,
    contextKeepFraction: 0.25,
  },
  objective: {
    targets: "representations",
    targetMasking: "output",
    loss: "smoothL1",
    regularizer: "none",
    regularizerOn: "tokens",
    regularizerWeight: REGULARIZER_WEIGHTS.none,
  },
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clipNorm: 0 },
  schedule: {
    epochs: 300,
    warmupEpochs: 40,
    startLearningRate: 2e-4,
    learningRate: 1e-3,
    finalLearningRate: 1e-6,
    weightDecay: 0.04,
    finalWeightDecay: 0.4,
    emaStart: 0.996,
    emaEnd: 1,
    ipeScale: 1,
  },
  run: { batch: 256, accumulate: 1, seed: 0, checkpointSteps: 1000, keepLast: 2, keepEvery: 0 },
};

/** Height and width of the input, pixels. */
export function imageSizeOf(data: DataConfig): readonly [height: number, width: number] {
  return typeof data.imageSize === "number" ? [data.imageSize, data.imageSize] : data.imageSize;
}

/** The sizes of everything that has weights. */
export function modelConfigOf({ data, model, objective }: PretrainConfig): ModelConfig {
  return {
    encoder: {
      imageSize: imageSizeOf(data),
      patchSize: model.patchSize,
      width: model.width,
      depth: model.depth,
      heads: model.heads,
      mlpWidth: Math.round(model.width * model.mlpRatio),
      ...model.registers === 0 ? {} : { registers: model.registers },
    },
    predictor: {
      width: model.predictorWidth,
      outputWidth: objective.targets === "pixels" ? 3 * model.patchSize ** 2 : model.width,
      depth: model.predictorDepth,
      heads: model.predictorHeads,
      mlpWidth: 4 * model.predictorWidth,
    },
  };
}

/** A run's lengths, all in steps. */
export interface RunPlan {
  /** Steps after which the run ends. */
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** Steps W of the warm-up; may exceed `steps`, then the peak is never reached. */
  readonly warmupSteps: number;
  /** Length of the curves, `ipeScale` times the run; not rounded. */
  readonly scheduleSteps: number;
}

/**
 * Converts epochs to steps: the only place that does.
 *
 * @throws {Failure} `usage`: more steps than a run may have
 */
export function planRun({ schedule }: PretrainConfig, stepsPerEpoch: number): RunPlan {
  const { steps, epochs, warmupSteps, warmupEpochs, ipeScale } = schedule;
  const length = steps ?? (epochs ?? 0) * stepsPerEpoch;
  if (length > MOST.steps) {
    throw new Failure(
      "usage",
      `Cannot plan the run: ${epochs} epochs of ${stepsPerEpoch} steps are ${length} steps, wanted ` +
        `at most ${MOST.steps}, lower schedule.epochs`,
    );
  }
  return {
    steps: Math.max(1, Math.floor(length)),
    stepsPerEpoch,
    warmupSteps: Math.floor(warmupSteps ?? (warmupEpochs ?? 0) * stepsPerEpoch),
    scheduleSteps: ipeScale * length,
  };
}

/** Messages about unusual, though possible, lengths of a run. */
export function planNotices({ steps, warmupSteps }: RunPlan): readonly string[] {
  if (warmupSteps < steps) return [];
  return [
    `the warm-up of ${warmupSteps} steps does not end within the run of ${steps}, ` +
    "so the learning rate never reaches its peak, see schedule.warmupSteps",
  ];
}
