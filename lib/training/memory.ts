/**
 * How much memory a run is going to take in the compiled runtime, told before its first step. Masks differ from step to
 * step, so the longest decide.
 */

import {
  fuse,
  type Graph,
  type Program,
  type Runtime,
  simplify,
  traceProgram,
} from "../compile/mod.ts";
import type { Bindings } from "../compile/length.ts";
import { peakBytes } from "../compile/memory.ts";
import { planNative } from "../compile/native/lower.ts";
import { compileNative, nativeGraph } from "../compile/native/program.ts";
import { gridOf } from "../model/config.ts";
import { maskTokenBounds } from "../model/masks.ts";
import type { ShapeTable } from "../model/parameters.ts";
import { sizeOf } from "../tensor.ts";
import { stepConfigOf } from "./loop.ts";
import type { PretrainConfig } from "./settings.ts";
import { stateShapes, trainedShapes } from "./state.ts";
import { gradientProgram, updateProgram } from "./step.ts";
import { lanesOf } from "./trainer.ts";

// Measured, see docs/performance.md. ONNX Runtime keeps freed memory in pieces for the next value that fits. When mask
// sizes change not all fit, so it holds up to 1.45 times what is alive at once, mostly less than 1.2 times.
const ARENA_FACTOR = 1.25;
/** Deno, the libraries, the threads that make batches. */
const PROCESS_BYTES = 200e6;

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

/** How a runtime's need follows from a program. */
interface Estimator {
  /** What one operation of the traced program takes, here and in the runtime. */
  readonly nodeBytes: number;
  /** Whether lanes share one program, or have a session each. */
  readonly sharesProgram: boolean;
  graphOf(program: Program, lengths: Bindings): Graph;
  /** Bytes that a program works in. */
  workBytes(graph: Graph, program: Program, lengths: Bindings): number;
}

/** Works in one piece of memory, whose size its plan says. */
const NATIVE: Estimator = {
  nodeBytes: 15e3,
  sharesProgram: true,
  graphOf: nativeGraph,
  workBytes: (graph, program, lengths) =>
    planNative(compileNative(graph), lengths, program).arena.bytes,
};

/** Of ONNX Runtime it is known what is alive at once. */
const ONNX: Estimator = {
  nodeBytes: 35e3,
  sharesProgram: false,
  graphOf: (program, lengths) => fuse(simplify(traceProgram(withLengths(program, lengths)))),
  workBytes: (graph) => ARENA_FACTOR * peakBytes(graph, {}),
};

/** The program for one value of each named length: traced in a third of the time that all values take. */
function withLengths(program: Program, lengths: Bindings): Program {
  const inputs = Object.entries(program.inputs).map(([name, { dtype, shape }]) => [name, {
    dtype,
    shape: shape.map((extent) => typeof extent === "string" ? lengths[extent]! : extent),
  }]);
  return { ...program, inputs: Object.fromEntries(inputs) };
}

function elements(shapes: ShapeTable): number {
  return Object.values(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** Plans for the longest masks of a configuration; runtimes other than `native` are taken to need what `onnx` does. */
export function planMemory(
  config: PretrainConfig,
  { name, threads }: Pick<Runtime, "name" | "threads">,
): MemoryPlan {
  const step = stepConfigOf(config);
  const { batch, accumulate, targetBlocks, model } = step;
  const bounds = maskTokenBounds(config.masks, gridOf(model.encoder));
  const [contextTokens, targetTokens] = [bounds.contextTokens[1], bounds.targetTokens[1]];
  const longest = { context: contextTokens, targets: targetTokens };
  const lanes = lanesOf(threads, batch / accumulate);
  const laned = { ...step, lanes };
  const estimator = name === "native" ? NATIVE : ONNX, { nodeBytes, sharesProgram } = estimator;
  const program = gradientProgram(laned);
  const gradients = estimator.graphOf(program, longest);
  const update = estimator.graphOf(updateProgram(laned), {});
  const nodes = (sharesProgram ? 1 : lanes) * gradients.nodes.length + update.nodes.length;
  return {
    batch,
    targetBlocks,
    contextTokens,
    targetTokens,
    programBytes: PROCESS_BYTES + nodeBytes * nodes,
    stateBytes: 4 * (2 * elements(stateShapes(model)) + lanes * elements(trainedShapes(model))),
    stepBytes: lanes * estimator.workBytes(gradients, program, longest),
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
