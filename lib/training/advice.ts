import type { PretrainConfig, RunPlan } from "./settings.ts";
import {
  emaSteps,
  usualEmaStart,
  usualInitStd,
  usualLearningRate,
  usualPatchEmbedStd,
} from "./usual_values.ts";

/** What is known of a run that learns nothing. */
export interface Circumstances {
  readonly config: PretrainConfig;
  readonly plan: RunPlan;
  /** The weights were drawn; else they were read, and nothing can be said about how they began. */
  readonly drawn: boolean;
}

/** A value that is known to let targets collapse. */
interface Cause {
  readonly key: string;
  readonly value: number | string;
  /** Completes "is". */
  readonly what: string;
  readonly instead: number | string;
}

/** A standard deviation below this part of the usual is small. ViT-B with 0.02 is not. */
const SMALL = 0.75;
/** A learning rate above so many times the usual is high. */
const HIGH = 1.25;
/** A target encoder that follows so many times faster than usual is fast. */
const FAST = 3;
/** One that needs more than this part of the run is slow. */
const SLOW = 1 / 8;

function smallDeviations({ config: { model }, drawn }: Circumstances): Cause[] {
  if (!drawn) return [];
  const { width, patchSize, initStd, patchEmbedStd } = model;
  const [blocks, embedding] = [usualInitStd(width), usualPatchEmbedStd(patchSize)];
  return [
    ...initStd < SMALL * blocks
      ? [{
        key: "model.initStd",
        value: initStd,
        what: `small for a width of ${width}`,
        instead: blocks,
      }]
      : [],
    ...patchEmbedStd < SMALL * embedding
      ? [{
        key: "model.patchEmbedStd",
        value: patchEmbedStd,
        what: `small for patches of ${patchSize} px`,
        instead: embedding,
      }]
      : [],
  ];
}

function highLearningRate({ config: { model, schedule } }: Circumstances): Cause[] {
  const { learningRate } = schedule, usual = usualLearningRate(model.width);
  if (learningRate <= HIGH * usual) return [];
  return [{
    key: "schedule.learningRate",
    value: learningRate,
    what: `high for a width of ${model.width}`,
    instead: usual,
  }];
}

function oddMomentum({ config: { schedule }, plan: { steps } }: Circumstances): Cause[] {
  const { emaStart } = schedule, usual = usualEmaStart(steps);
  const cause = { key: "schedule.emaStart", value: emaStart, instead: usual };
  const length = emaSteps(emaStart), run = `a run of ${steps} steps`;
  if (length < emaSteps(usual) / FAST) return [{ ...cause, what: `low for ${run}` }];
  if (length > Math.max(emaSteps(usual), SLOW * steps)) {
    return [{ ...cause, what: `high for ${run}` }];
  }
  return [];
}

/** Where no value is odd: what has helped most often. */
function lowerLearningRate({ config: { schedule } }: Circumstances): Cause {
  const { learningRate: value } = schedule;
  return {
    key: "schedule.learningRate",
    value,
    what: "the first value to lower where all others are as usual",
    instead: Number((value / 2).toPrecision(2)),
  };
}

/**
 * What to try against targets that collapse: of the values that are known to be a cause, the first that this run has, in the
 * order of what was seen to matter most.
 *
 * @returns two clauses of a sentence, which name the value and the one to try
 */
export function adviceAgainstCollapse(run: Circumstances): string {
  const causes = [...smallDeviations(run), ...highLearningRate(run), ...oddMomentum(run)];
  const { key, value, what, instead } = causes[0] ?? lowerLearningRate(run);
  return `${key}=${value} is ${what}, start again in another --out with --set ${key}=${instead}`;
}
