import type { PretrainConfig } from "./settings.ts";

/** What a configuration value must be. */
export interface Field {
  /** Completes "wanted …". */
  readonly wanted: string;
  accepts(value: unknown): boolean;
}

interface Limits {
  readonly least?: number;
  readonly most?: number;
  /** Exclusive bounds. */
  readonly above?: number;
  readonly below?: number;
}

function isWithin(value: unknown, { least, most, above, below }: Limits): value is number {
  return typeof value === "number" && Number.isFinite(value) &&
    (least === undefined || value >= least) && (most === undefined || value <= most) &&
    (above === undefined || value > above) && (below === undefined || value < below);
}

function describe({ least, most, above, below }: Limits): string {
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`;
  const parts = [
    least !== undefined && `of at least ${least}`,
    above !== undefined && `above ${above}`,
    most !== undefined && `at most ${most}`,
    below !== undefined && `below ${below}`,
  ].filter(Boolean);
  return parts.length === 0 ? "" : ` ${parts.join(" and ")}`;
}

function number(limits: Limits): Field {
  return {
    wanted: `a number${describe(limits)}`,
    accepts: (value) => isWithin(value, limits),
  };
}

function integer(limits: Limits): Field {
  return {
    wanted: `a whole number${describe(limits)}`,
    accepts: (value) => isWithin(value, limits) && Number.isSafeInteger(value),
  };
}

function range(limits: Limits): Field {
  return {
    wanted: `a pair [min,max] of numbers${describe(limits)}, min not above max`,
    accepts: (value) => {
      if (!Array.isArray(value) || value.length !== 2) return false;
      const [min, max]: unknown[] = value;
      return isWithin(min, limits) && isWithin(max, limits) && min <= max;
    },
  };
}

function channels(limits: Limits): Field {
  return {
    wanted: `three numbers [red,green,blue]${describe(limits)}`,
    accepts: (value) =>
      Array.isArray(value) && value.length === 3 &&
      value.every((channel) => isWithin(channel, limits)),
  };
}

function choice(...words: readonly string[]): Field {
  return {
    wanted: `one of ${words.map((word) => `"${word}"`).join(", ")}`,
    accepts: (value) => words.some((word) => word === value),
  };
}

const YES_OR_NO: Field = {
  wanted: "true or false",
  accepts: (value) => typeof value === "boolean",
};

const SIDES = { least: 1, most: 16384 };

const IMAGE_SIZE: Field = {
  wanted: "pixels of a square image, or [height,width], whole numbers from 1 to 16384",
  accepts: (value) => {
    const sides = Array.isArray(value) ? value : [value, value];
    return sides.length === 2 &&
      sides.every((side) => isWithin(side, SIDES) && Number.isInteger(side));
  },
};

const POSITIVE = integer({ least: 1 });
const FRACTION = { above: 0, most: 1 };
const ASPECT = { least: 0.01, most: 100 };
const NOT_NEGATIVE = number({ least: 0 });

/** Every value of a configuration and what it must be, in the order of `PretrainConfig`. */
export const FIELDS: {
  readonly [G in keyof PretrainConfig]: {
    readonly [K in keyof Required<PretrainConfig[G]>]: Field;
  };
} = {
  data: {
    imageSize: IMAGE_SIZE,
    cropScale: range(FRACTION),
    cropAspect: range(ASPECT),
    horizontalFlip: YES_OR_NO,
    mean: channels({ least: 0, most: 1 }),
    std: channels({ above: 0 }),
  },
  model: {
    patchSize: POSITIVE,
    width: POSITIVE,
    depth: POSITIVE,
    heads: POSITIVE,
    mlpRatio: number({ above: 0 }),
    patchEmbedStd: NOT_NEGATIVE,
    initStd: NOT_NEGATIVE,
    predictorWidth: POSITIVE,
    predictorDepth: POSITIVE,
    predictorHeads: POSITIVE,
  },
  masks: {
    strategy: choice("multiblock", "rasterized", "block", "random"),
    sampler: choice("full", "reference"),
    targetBlocks: POSITIVE,
    targetScale: range(FRACTION),
    targetAspect: range(ASPECT),
    contextScale: range(FRACTION),
    minKeep: integer({ least: 0 }),
    contextKeepFraction: number(FRACTION),
  },
  objective: {
    targets: choice("representations", "pixels"),
    targetMasking: choice("output", "input"),
    loss: choice("smoothL1", "l2"),
  },
  optimizer: {
    beta1: number({ least: 0, below: 1 }),
    beta2: number({ least: 0, below: 1 }),
    epsilon: number({ above: 0 }),
  },
  schedule: {
    steps: POSITIVE,
    epochs: number({ above: 0 }),
    warmupSteps: integer({ least: 0 }),
    warmupEpochs: NOT_NEGATIVE,
    startLearningRate: NOT_NEGATIVE,
    learningRate: number({ above: 0 }),
    finalLearningRate: NOT_NEGATIVE,
    weightDecay: NOT_NEGATIVE,
    finalWeightDecay: NOT_NEGATIVE,
    emaStart: number({ least: 0, most: 1 }),
    emaEnd: number({ least: 0, most: 1 }),
    ipeScale: number({ least: 1 }),
  },
  run: {
    batch: POSITIVE,
    accumulate: POSITIVE,
    seed: integer({ least: 0, most: 4294967295 }),
    checkpointSteps: POSITIVE,
    keepLast: POSITIVE,
    keepEvery: integer({ least: 0 }),
  },
};
