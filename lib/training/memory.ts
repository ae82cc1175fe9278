/**
 * How much memory a run is going to take in the compiled runtime, told before its first step. Masks differ from step to
 * step, so the longest decide.
 */

import { fuse, type Program, simplify, traceProgram } from "../compile/mod.ts";
import { peakBytes } from "../compile/memory.ts";
import { gridOf } from "../model/config.ts";
import { maskTokenBounds } from "../model/masks.ts";
import type { ShapeTable } from "../model/parameters.ts";
import { sizeOf } from "../tensor.ts";
import { stepConfigOf } from "./loop.ts";
import type { PretrainConfig } from "./settings.ts";
import { stateShapes, trainedShapes } from "./state.ts";
import { gradientProgram, updateProgram } from "./step.ts";
import { lanesOf } from "./trainer.ts";

// Measured, see docs/performance.md. The runtime keeps freed memory in pieces for the next value that fits. When mask
// sizes change not all fit, so it holds up to 1.45 times what is alive at once, mostly less than 1.2 times.
const ARENA_FACTOR = 1.25;
/** Deno, the libraries, the threads that make batches. */
const PROCESS_BYTES = 200e6;
/** What one operation of the traced program takes, here and in the runtime. */
const NODE_BYTES = 35e3;

/** Bytes that a run needs at most, decoded images that are kept for the next epoch aside. */
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

/** The program for one value of each named length: traced in a third of the time that all values take. */
function withLengths(program: Program, lengths: Readonly<Record<string, number>>): Program {
  const inputs = Object.entries(program.inputs).map(([name, { dtype, shape }]) => [name, {
    dtype,
    shape: shape.map((extent) => typeof extent === "string" ? lengths[extent]! : extent),
  }]);
  return { ...program, inputs: Object.fromEntries(inputs) };
}

function elements(shapes: ShapeTable): number {
  return Object.values(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** Plans for the longest masks of a configuration. @param threads of the runtime */
export function planMemory(config: PretrainConfig, threads: number): MemoryPlan {
  const step = stepConfigOf(config);
  const { batch, accumulate, targetBlocks, model } = step;
  const bounds = maskTokenBounds(config.masks, gridOf(model.encoder));
  const [contextTokens, targetTokens] = [bounds.contextTokens[1], bounds.targetTokens[1]];
  const longest = { context: contextTokens, targets: targetTokens };
  const lanes = lanesOf(threads, batch / accumulate);
  const laned = { ...step, lanes };
  const graphOf = (program: Program) => fuse(simplify(traceProgram(withLengths(program, longest))));
  const gradients = graphOf(gradientProgram(laned, 0)), update = graphOf(updateProgram(laned));
  const nodes = lanes * gradients.nodes.length + update.nodes.length;
  return {
    batch,
    targetBlocks,
    contextTokens,
    targetTokens,
    programBytes: PROCESS_BYTES + NODE_BYTES * nodes,
    stateBytes: 4 * (2 * elements(stateShapes(model)) + lanes * elements(trainedShapes(model))),
    stepBytes: ARENA_FACTOR * lanes * peakBytes(gradients, {}),
  };
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
 * What the plan means, in lines for a person: the need and, when that is more than there is, what to change.
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
