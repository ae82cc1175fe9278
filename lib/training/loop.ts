/**
 * The training loop: batches, masks and schedule values in, metrics and checkpoints out. Files, images and the runtime
 * are arguments, so the loop itself is a pure function of them.
 *
 * @module
 */
import { Failure } from "../failure.ts";
import { gridOf } from "../model/config.ts";
import { type Masks, sampleMasks } from "../model/masks.ts";
import type { TensorRecord } from "../tensor.ts";
import { adviceAgainstCollapse } from "./advice.ts";
import { AlarmWatch } from "./alarms.ts";
import { MONITOR_ROWS, type Monitors } from "./monitors.ts";
import { monitorsOfLoop } from "./monitors/compute.ts";
import { hyperOf } from "./schedules.ts";
import { modelConfigOf, type PretrainConfig, type RunPlan } from "../config/settings.ts";
import { unlessAborted, yieldToEvents } from "./stopping.ts";
import type { Trainer } from "./trainer.ts";

/** The monitors of one step, which is counted from 0. */
export type StepReport = { readonly step: number } & Monitors;

/** Inputs and callbacks of the loop. */
export interface LoopParts {
  readonly config: PretrainConfig;
  readonly plan: RunPlan;
  /** Steps already done. */
  readonly firstStep: number;
  /** With the state after `firstStep` steps. */
  readonly trainer: Pick<Trainer, "step" | "read">;
  /** Images of a step, [B 3 H W], normalised; valid until the next call. */
  nextBatch(step: number): Promise<{
    readonly images: Float32Array<ArrayBuffer>;
    readonly waitSeconds: number;
  }>;
  onStep(report: StepReport): void;
  /** Saves the state after `step` steps. */
  onCheckpoint(step: number, state: TensorRecord): Promise<void>;
  /** Receives messages for the user. */
  warn(text: string): void;
  /**
   * Aborted: the current step is finished, or dropped if it waits for images or has parts left, and the last complete
   * step is saved. Then the loop ends.
   */
  readonly signal: AbortSignal;
  /**
   * The weights at step 0 were drawn and not read: advice against a collapse may concern their initialisation. @default
   * true
   */
  readonly drawn?: boolean;
  /** A collapse that lasts ends the run, see {@link AlarmWatch}. @default false */
  readonly stopOnCollapse?: boolean;
}

/** Where the loop ended. */
export interface LoopEnd {
  /** Steps done in all. */
  readonly step: number;
  /** Loss of the last step, unless none was done. */
  readonly loss: number | undefined;
}

function masksOf({ config, plan }: LoopParts, step: number): Masks | undefined {
  if (step >= plan.steps) return undefined;
  const { seed, batch } = config.run;
  return sampleMasks(config.masks, gridOf(modelConfigOf(config).encoder), { seed, step, batch });
}

function collapsed(when: string, what: string): Failure {
  return new Failure(
    "collapsed",
    `Training failed ${when}: ${what}; checkpoints written before are untouched. Start again in another --out ` +
      "with a lower schedule.learningRate or a longer schedule.warmupSteps",
  );
}

/** @throws {Failure} `collapsed`: a monitor that must be a finite number is none */
function expectNumbers(report: StepReport): void {
  for (const [name, { finite }] of MONITOR_ROWS) {
    const value = report[name] ?? 0;
    if (finite !== undefined && !Number.isFinite(value)) {
      throw collapsed(`at step ${report.step}`, `the ${finite} is ${value}`);
    }
  }
}

/** A state with a value that is not a number must not replace a good checkpoint. @param done steps done */
function expectFinite(done: number, state: TensorRecord): void {
  for (const [name, { data }] of Object.entries(state)) {
    for (let i = 0; i < data.length; i++) {
      if (!Number.isFinite(data[i])) {
        throw collapsed(`after step ${done - 1}`, `${name} holds ${data[i]}`);
      }
    }
  }
}

/** One step. @throws the signal's reason: the step was dropped, and the state is still the one before */
async function runStep(
  parts: LoopParts,
  { step, masks }: { readonly step: number; readonly masks: Masks },
): Promise<{ readonly report: StepReport; readonly nextMasks: Masks | undefined }> {
  const { config, plan, trainer, signal } = parts;
  const started = performance.now();
  const { images, waitSeconds } = await unlessAborted(parts.nextBatch(step), signal);
  const hyper = hyperOf(config, { plan, step });
  const running = trainer.step({ images, masks, hyper, step, signal });
  // The runtime works on other threads where it can: meanwhile this one draws the masks of the next step.
  const nextMasks = masksOf(parts, step + 1);
  const result = await running;
  const { contextTokens, targetTokens } = masks;
  const seconds = (performance.now() - started) / 1000, { batch } = config.run;
  const known = { hyper, contextTokens, targetTokens, batch, seconds, waitSeconds };
  return { report: { step, ...result, ...monitorsOfLoop(known) }, nextMasks };
}

function ignoreReasonOf(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (!signal.aborted || error !== signal.reason) throw error;
  };
}

/**
 * Trains from `firstStep` to the end of the plan, or until the signal; saves every `run.checkpointSteps` steps and at
 * the end in either case.
 *
 * @throws {Failure} `collapsed`: loss or state is no longer finite, and nothing is saved; or, with `stopOnCollapse`, a
 * collapse that lasts, after the state was saved
 */
export async function train(parts: LoopParts): Promise<LoopEnd> {
  const { config, plan, trainer, firstStep, signal, drawn = true } = parts;
  const circumstances = { config, plan, drawn };
  const alarms = new AlarmWatch(circumstances);
  let done = firstStep, saved = firstStep;
  let loss: number | undefined;
  let masks = masksOf(parts, firstStep);
  async function save(): Promise<void> {
    const state = await trainer.read();
    expectFinite(done, state);
    await parts.onCheckpoint(done, state);
    saved = done;
  }
  await yieldToEvents();
  while (masks !== undefined && !signal.aborted) {
    const ran = await runStep(parts, { step: done, masks }).catch(ignoreReasonOf(signal));
    if (ran === undefined) break;
    const { report, nextMasks } = ran;
    expectNumbers(report);
    parts.onStep(report);
    for (const text of alarms.check(report)) parts.warn(text);
    loss = report.loss;
    masks = nextMasks;
    done++;
    await yieldToEvents();
    if (done % config.run.checkpointSteps === 0 || done === plan.steps) await save();
    const collapse = parts.stopOnCollapse ? alarms.lastingCollapse(report.step) : undefined;
    if (collapse !== undefined && done < plan.steps) {
      if (done > saved) await save();
      throw new Failure(
        "collapsed",
        `Stopped after ${done} of ${plan.steps} steps: ${collapse}; a checkpoint is written, and the same command ` +
          `without --stop-on-collapse goes on; ${adviceAgainstCollapse(circumstances)}`,
      );
    }
  }
  if (done > saved) await save();
  return { step: done, loss };
}
