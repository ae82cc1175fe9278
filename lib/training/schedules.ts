/** Learning rate, weight decay and EMA momentum by step. */
import {
  planRun,
  type PretrainConfig,
  type RunPlan,
  type ScheduleConfig,
} from "../config/settings.ts";

/** The values of one step that change over a run. */
export interface StepHyper {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly emaMomentum: number;
}

/** Half a cosine from `from` (at 0) to `to` (at 1). */
function halfCosine(from: number, to: number, progress: number): number {
  return to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** Linear warm-up, then half a cosine. @param t steps begun, from 1 */
function learningRateAt(schedule: ScheduleConfig, plan: RunPlan, t: number): number {
  const { startLearningRate: start, learningRate: peak, finalLearningRate: final } = schedule;
  const warmup = plan.warmupSteps;
  if (t < warmup) return start + (t / Math.max(1, warmup)) * (peak - start);
  const rest = Math.max(1, Math.trunc(plan.scheduleSteps) - warmup);
  return Math.max(final, halfCosine(peak, final, (t - warmup) / rest));
}

/** Half a cosine, as in the official code (the paper says linear). @param t steps begun, from 1 */
function weightDecayAt(schedule: ScheduleConfig, plan: RunPlan, t: number): number {
  const { weightDecay: start, finalWeightDecay: final } = schedule;
  const value = halfCosine(start, final, t / Math.max(1, Math.trunc(plan.scheduleSteps)));
  return start <= final ? Math.min(final, value) : Math.max(final, value);
}

/**
 * Learning rate, weight decay and EMA momentum of a step (docs/method.md section 5.5; golden values are tests). The
 * first two advance before they are used, so step 0 already has one step of warm-up; the momentum starts at `emaStart`.
 *
 * @param at `step` counts from 0
 */
export function hyperOf(
  config: PretrainConfig,
  { plan, step }: { readonly plan: RunPlan; readonly step: number },
): StepHyper {
  const { schedule } = config;
  const { emaStart, emaEnd } = schedule;
  const momentum = emaStart + (step * (emaEnd - emaStart)) / plan.scheduleSteps;
  return {
    learningRate: learningRateAt(schedule, plan, step + 1),
    weightDecay: weightDecayAt(schedule, plan, step + 1),
    emaMomentum: emaStart <= emaEnd ? Math.min(emaEnd, momentum) : Math.max(emaEnd, momentum),
  };
}

/** The values of a step, counted from 0. */
export function hyperAt(config: PretrainConfig, step: number, stepsPerEpoch: number): StepHyper {
  return hyperOf(config, { plan: planRun(config, stepsPerEpoch), step });
}
