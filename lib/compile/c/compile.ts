/** The recipe: from a program to units and their kernels in C, for any lengths. */

import type { Graph } from "../graph/graph.ts";
import { verifyGraph } from "../graph/verify.ts";
import { expandSoftmax } from "../passes/expand_softmax.ts";
import { fuseProducts } from "../passes/fuse.ts";
import { recomputeLate } from "../passes/recompute.ts";
import { simplify } from "../passes/simplify.ts";
import type { Program } from "../program.ts";
import { traceProgram } from "../trace/unify.ts";
import { KeptValues } from "./kernels/kept.ts";
import type { FusedKernel } from "./kernels/parts.ts";
import { writeKernel } from "./kernels/source.ts";
import { groupNodes, type Unit } from "./kernels/units.ts";

/** A program whose units are known; its lengths may not be. */
export interface CProgram {
  readonly graph: Graph;
  readonly units: readonly Unit[];
  readonly kept: KeptValues;
  /** For each unit its kernel, and the index of the body in `bodies`. */
  readonly kernels: ReadonlyMap<Unit, FusedKernel & { readonly index: number }>;
  /** The functions of the program's own kernels. */
  readonly bodies: readonly string[];
}

/** From graph to graph, in the order in which a program passes them. */
export const PASSES: readonly { readonly name: string; apply(graph: Graph): Graph }[] = [
  { name: "simplify", apply: simplify },
  { name: "fuse products", apply: fuseProducts },
  { name: "expand softmax", apply: expandSoftmax },
  { name: "recompute late", apply: recomputeLate },
];

/**
 * Traces a program, takes it through all passes, groups its nodes and writes the kernels; units that do the same share
 * one.
 *
 * @throws {TypeError} a pass has left a graph that is not valid
 */
export function compileToC(program: Program): CProgram {
  const graph = PASSES.reduce((passed, { apply }) => apply(passed), traceProgram(program));
  verifyGraph(graph);
  const units = groupNodes(graph);
  const kept = new KeptValues(graph, units);
  const constants = new Map(graph.constants.map((each) => [each.value.id, each]));
  const numbers = new Map<string, number>();
  const kernels = new Map<Unit, FusedKernel & { readonly index: number }>();
  for (const unit of units) {
    const kernel = unit.fused ? writeKernel(unit, kept, constants) : undefined;
    if (kernel === undefined) continue;
    const index = numbers.get(kernel.body) ?? numbers.size;
    numbers.set(kernel.body, index);
    kernels.set(unit, { ...kernel, index });
  }
  return { graph, units, kept, kernels, bodies: [...numbers.keys()] };
}
