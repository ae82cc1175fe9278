/** The recipe: from a program to units and their kernels in C, for any lengths. */

import { fuseProducts } from "../passes/fuse.ts";
import type { Program } from "../program.ts";
import { simplify } from "../passes/simplify.ts";
import { traceProgram } from "../trace/unify.ts";
import type { Graph } from "../graph/graph.ts";
import { groupNodes, type Unit } from "./kernels/units.ts";
import type { FusedKernel } from "./kernels/parts.ts";
import { writeKernel } from "./kernels/source.ts";
import { KeptValues } from "./kernels/kept.ts";
import { expandSoftmax } from "../passes/expand_softmax.ts";
import { recomputeLate } from "../passes/recompute.ts";

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

/** The graph of a program that is compiled. */
export function traceForC(program: Program): Graph {
  return fuseProducts(simplify(traceProgram(program)));
}

/** Groups a graph and writes its kernels; units that do the same share one. */
export function compileToC(given: Graph): CProgram {
  const { graph, again } = recomputeLate(expandSoftmax(given));
  const units = groupNodes(graph, again);
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
