/**
 * The memory that a run needs, reported before its first step if the runtime knows it. Masks differ from step to step,
 * so the longest decide.
 */

import { gridOf } from "../model/config.ts";
import { maskTokenBounds } from "../model/masks.ts";
import { Failure } from "../failure.ts";
import { trainedShapes, valuesIn } from "../model/parameters.ts";
import { stepConfigOf } from "./step.ts";
import type { PretrainConfig } from "../config/settings.ts";
import { stateShapes } from "./state.ts";
import type { Trainer } from "./trainer.ts";

/** Deno, the libraries and the loader threads. */
const PROCESS_BYTES = 200e6;

/** Bytes that a run needs at most, without the cache of decoded images. */
export interface MemoryPlan {
  /** Images B per step. */
  readonly batch: number;
  readonly targetBlocks: number;
  /** Tokens Kc of the longest context and Kt of the largest target block. */
  readonly contextTokens: number;
  readonly targetTokens: number;
  /** The process with its libraries and the program. */
  readonly programBytes: number;
  /** Weights and moments, a copy of them for the checkpoint, and gradients of every lane. */
  readonly stateBytes: number;
  /** Everything between images and update; grows with the batch. */
  readonly stepBytes: number;
}

/** Reserves for the longest masks of a configuration. @returns undefined if the runtime does not know */
export function planMemory(
  config: PretrainConfig,
  trainer: Pick<Trainer, "lanes" | "reserve">,
): MemoryPlan | undefined {
  const { model, batch, targetBlocks } = stepConfigOf(config);
  const bounds = maskTokenBounds(config.masks, gridOf(model.encoder));
  const [contextTokens, targetTokens] = [bounds.contextTokens[1], bounds.targetTokens[1]];
  const need = trainer.reserve({ context: contextTokens, targets: targetTokens });
  if (need === undefined) return undefined;
  const { lanes } = trainer;
  return {
    batch,
    targetBlocks,
    contextTokens,
    targetTokens,
    programBytes: PROCESS_BYTES + need.programBytes,
    stateBytes: 4 * (2 * valuesIn(stateShapes(model)) + lanes * valuesIn(trainedShapes(model))),
    stepBytes: need.workBytes,
  };
}

/**
 * Refuses a model whose weights and moments alone exceed the available memory, before anything is built.
 *
 * @param available bytes that this process can still take, where known
 * @throws {Failure} `usage`
 */
export function expectStateFits(config: PretrainConfig, available: number | undefined): void {
  const need = 4 * valuesIn(stateShapes(stepConfigOf(config).model));
  if (available === undefined || need <= available) return;
  throw new Failure(
    "usage",
    `Cannot build the model: its weights and moments take ${gigabytes(need)}, wanted at most the ` +
      `${gigabytes(available)} of memory that are available, choose a smaller preset, or lower ` +
      "model.width and model.depth",
  );
}

/** `1.4 GB`, to two digits. */
function gigabytes(bytes: number): string {
  return `${Number((bytes / 1e9).toPrecision(2))} GB`;
}

function adviceFor({ batch, programBytes, stateBytes, stepBytes }: MemoryPlan, available: number) {
  const fitting = Math.floor((available - programBytes - stateBytes) / (stepBytes / batch));
  return fitting > 0 ? `give --batch ${fitting} or less` : "choose a smaller --preset";
}

/**
 * The plan in lines of text: the need and, if it exceeds the available memory, what to change.
 *
 * @param available bytes that this process can still take, where known
 */
export function describeMemory(plan: MemoryPlan, available: number | undefined): string[] {
  const { contextTokens, targetTokens, targetBlocks } = plan;
  const { programBytes, stateBytes, stepBytes } = plan;
  const need = programBytes + stateBytes + stepBytes;
  const line = `at most ${contextTokens} context and ${targetBlocks} x ${targetTokens} target ` +
    `tokens per image: about ${gigabytes(need)} of memory (${gigabytes(stateBytes)} weights and ` +
    `moments, ${gigabytes(stepBytes)} a step, ${gigabytes(programBytes)} the program), decoded ` +
    "images aside";
  if (available === undefined || available >= need) return [line];
  return [
    line,
    `warning: that is more than the ${gigabytes(available)} of memory that are available, ` +
    adviceFor(plan, available),
  ];
}
