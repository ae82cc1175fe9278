/** The type and bounds of every configuration value. */
import { MOST_PATCHES, MOST_REGISTERS, MOST_SIDE } from "../model/limits.ts";
import { MOST } from "./limits.ts";
import type { PretrainConfig } from "./settings.ts";

/** Type and bounds of a configuration value. */
export interface Field {
  /** Completes "wanted …". */
  readonly wanted: string;
  accepts(value: unknown): boolean;
}

/** Every number has two bounds; `above` and `below` are exclusive. */
type Limits =
  & ({ readonly least: number } | { readonly above: number })
  & ({ readonly most: number } | { readonly below: number });

function isWithin(value: unknown, limits: Limits): value is number {
  return typeof value === "number" && Number.isFinite(value) &&
    ("least" in limits ? value >= limits.least : value > limits.above) &&
    ("most" in limits ? value <= limits.most : value < limits.below);
}

function describe(limits: Limits): string {
  if ("least" in limits && "most" in limits) return ` from ${limits.least} to ${limits.most}`;
  const from = "least" in limits ? `of at least ${limits.least}` : `above ${limits.above}`;
  return ` ${from} and ${"most" in limits ? `at most ${limits.most}` : `below ${limits.below}`}`;
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

const SIDES = { least: 1, most: MOST_SIDE };

const IMAGE_SIZE: Field = {
  wanted: `pixels of a square image, or [height,width], whole numbers from 1 to ${SIDES.most}`,
  accepts: (value) => {
    const sides = Array.isArray(value) ? value : [value, value];
    return sides.length === 2 &&
      sides.every((side) => isWithin(side, SIDES) && Number.isInteger(side));
  },
};

function count(most: number): Field {
  return integer({ least: 1, most });
}

const FRACTION = { above: 0, most: 1 };
const ASPECT = { least: 0.01, most: 100 };
/** Standard deviations of initial weights: 10 is 500 times the usual. */
const INITIAL_STD = number({ least: 0, most: 10 });
/** Learning rates and weight decays of at most 100: larger ones do not train. */
const RATE = number({ least: 0, most: 100 });
const MOMENTUM = number({ least: 0, most: 1 });

/** Type and bounds of every value of a configuration, in the order of `PretrainConfig`. */
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
    std: channels({ least: 0.001, most: 1 }),
  },
  model: {
    patchSize: count(MOST.patchSize),
    width: count(MOST.width),
    depth: count(MOST.depth),
    heads: count(MOST.heads),
    mlpRatio: number({ above: 0, most: 64 }),
    registers: integer({ least: 0, most: MOST_REGISTERS }),
    patchEmbedStd: INITIAL_STD,
    initStd: INITIAL_STD,
    predictorWidth: count(MOST.width),
    predictorDepth: count(MOST.depth),
    predictorHeads: count(MOST.heads),
  },
  masks: {
    strategy: choice("multiblock", "rasterized", "block", "random"),
    sampler: choice("full", "reference"),
    targetBlocks: count(MOST.targetBlocks),
    targetScale: range(FRACTION),
    targetAspect: range(ASPECT),
    targetPlacement: choice("uniform", "even"),
    contextScale: range(FRACTION),
    minKeep: integer({ least: 0, most: MOST_PATCHES }),
    contextKeepFraction: number(FRACTION),
  },
  objective: {
    targets: choice("representations", "pixels"),
    targetMasking: choice("output", "input"),
    loss: choice("smoothL1", "l2"),
    regularizer: choice("none", "vicreg", "sigreg"),
    regularizerOn: choice("pooled", "tokens"),
    regularizerWeight: number({ least: 0, most: 1e6 }),
  },
  optimizer: {
    beta1: number({ least: 0, below: 1 }),
    beta2: number({ least: 0, below: 1 }),
    epsilon: number({ above: 0, most: 1 }),
    clipNorm: number({ least: 0, most: 1e6 }),
  },
  schedule: {
    steps: count(MOST.steps),
    epochs: number({ above: 0, most: MOST.epochs }),
    warmupSteps: integer({ least: 0, most: MOST.steps }),
    warmupEpochs: number({ least: 0, most: MOST.epochs }),
    startLearningRate: RATE,
    learningRate: number({ above: 0, most: 100 }),
    finalLearningRate: RATE,
    weightDecay: RATE,
    finalWeightDecay: RATE,
    emaStart: MOMENTUM,
    emaEnd: MOMENTUM,
    ipeScale: number({ least: 1, most: 1000 }),
  },
  run: {
    batch: count(MOST.batch),
    accumulate: count(MOST.batch),
    seed: integer({ least: 0, most: MOST.seed }),
    checkpointSteps: count(MOST.steps),
    keepLast: count(MOST.checkpoints),
    keepEvery: integer({ least: 0, most: MOST.checkpoints }),
  },
};

/** The names of the groups, and of all settings as `group.key`, in the order in which they are printed. */
export const GROUPS: readonly string[] = Object.keys(FIELDS);
export const KEYS: readonly string[] = Object.entries(FIELDS).flatMap(([group, fields]) =>
  Object.keys(fields).map((key) => `${group}.${key}`)
);

/** Values of which exactly one is given; one in a later layer replaces the other. */
export const EITHER = [["steps", "epochs"], ["warmupSteps", "warmupEpochs"]] as const;
