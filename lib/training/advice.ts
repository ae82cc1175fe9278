/** Advice against collapse: which value of the configuration is the likely cause. */
import { REGULARIZER_WEIGHTS } from "../config/objective.ts";
import {
  initialDeviations,
  initialMomentum,
  type PretrainConfig,
  type RunPlan,
} from "../config/settings.ts";

/** The facts about a run that learns nothing. */
export interface Circumstances {
  readonly config: PretrainConfig;
  readonly plan: RunPlan;
  /** The weights were drawn; otherwise they were read, and their initialisation is unknown. */
  readonly drawn: boolean;
}

/** A value that can let targets collapse. */
interface Cause {
  readonly key: string;
  readonly value: number;
  /** Completes "is". */
  readonly what: string;
  readonly instead: number;
}

/** A value below this fraction of the usual is small. The paper's ViT-B with a deviation of 0.02 is not. */
const SMALL = 0.75;
/** A learning rate above so many times the usual is high. */
const HIGH = 1.25;
/** A target encoder that follows more times faster than usual is fast. */
const FAST = 3;
/** One that needs more than this fraction of the run is slow. */
const SLOW = 1 / 8;

function isSmall({ value, instead }: Cause): boolean {
  return value < SMALL * instead;
}

/** Two digits, as such values are usually written. */
function rounded(value: number): number {
  return Number(value.toPrecision(2));
}

function smallDeviations({ config: { model }, drawn }: Circumstances): Cause[] {
  const { width, patchSize, initStd, patchEmbedStd } = model;
  const usual = initialDeviations(model);
  const causes = [{
    key: "model.initStd",
    value: initStd,
    what: `small for a width of ${width}`,
    instead: usual.initStd,
  }, {
    key: "model.patchEmbedStd",
    value: patchEmbedStd,
    what: `small for patches of ${patchSize} px`,
    instead: usual.patchEmbedStd,
  }];
  return drawn ? causes.filter(isSmall) : [];
}

function smallWeight({ config: { objective } }: Circumstances): Cause[] {
  const { regularizer, regularizerWeight } = objective;
  const cause = {
    key: "objective.regularizerWeight",
    value: regularizerWeight,
    what: `small for ${regularizer}`,
    instead: REGULARIZER_WEIGHTS[regularizer],
  };
  return [cause].filter(isSmall);
}

/** Peak learning rate: the 1e-3 of wide encoders, and more below a width of 256. */
function usualLearningRate(width: number): number {
  return rounded(1e-3 * Math.max(1, 256 / width));
}

function highLearningRate({ config: { model: { width }, schedule } }: Circumstances): Cause[] {
  const { learningRate: value } = schedule, instead = usualLearningRate(width);
  if (value <= HIGH * instead) return [];
  return [{ key: "schedule.learningRate", value, what: `high for a width of ${width}`, instead }];
}

/** Steps over which the target encoder forgets all but a third of what it was. */
function emaSteps(momentum: number): number {
  return 1 / (1 - momentum);
}

function oddMomentum({ config, plan: { steps } }: Circumstances): Cause[] {
  const { schedule: { emaStart: value }, objective } = config, instead = initialMomentum(steps);
  const cause = { key: "schedule.emaStart", value, instead }, run = `a run of ${steps} steps`;
  const [length, usual] = [emaSteps(value), emaSteps(instead)];
  // With a term against collapse training goes without momentum.
  const isLow = objective.regularizer === "none" && length < usual / FAST;
  if (isLow) return [{ ...cause, what: `low for ${run}` }];
  return length > Math.max(usual, SLOW * steps) ? [{ ...cause, what: `high for ${run}` }] : [];
}

/** If no value is unusual: what has helped most often. */
function lowerLearningRate({ config: { schedule: { learningRate } } }: Circumstances): Cause {
  return {
    key: "schedule.learningRate",
    value: learningRate,
    what: "the first value to lower where all others are as usual",
    instead: rounded(learningRate / 2),
  };
}

/**
 * What to try against targets that collapse: the first known cause that this run has, in order of observed importance;
 * and a term against collapse, if there is none.
 *
 * @returns two clauses of a sentence, which name the value and what to try
 */
export function adviceAgainstCollapse(run: Circumstances): string {
  const causes = [smallDeviations, smallWeight, highLearningRate, oddMomentum]
    .flatMap((look) => look(run));
  const { key, value, what, instead } = causes[0] ?? lowerLearningRate(run);
  const term = run.config.objective.regularizer === "none"
    ? " or --set objective.regularizer=vicreg"
    : "";
  return `${key}=${value} is ${what}, start again in another --out with --set ${key}=${instead}${term}`;
}
