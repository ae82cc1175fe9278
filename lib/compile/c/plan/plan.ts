/** From units and known lengths to calls of kernels, and the memory that they work in. */

import { isElementwise, type Node, type Value } from "../../graph/graph.ts";
import type { Bindings } from "../../graph/length.ts";
import type { Op, OpThat } from "../../graph/operations.ts";
import type { Program } from "../../program.ts";
import { type Call, PlanBuilder } from "./calls.ts";
import type { FusedKernel } from "../kernels/parts.ts";
import { isContiguous, reshape, sliceAll, transpose } from "./layout.ts";
import { lifetimesOf, shareBuffers } from "./lifetimes.ts";
import { concat, gather, move, pad, split, tile } from "./moves.ts";
import { choosePlaces } from "./placing.ts";
import { product, reduce } from "./products.ts";
import type { CProgram } from "../compile.ts";
import { type Address, addressOf, type Arena, arrange, type Buffer, newPlace } from "./arena.ts";

/** What runs for some lengths, and the memory that it takes. */
export interface Plan {
  readonly calls: readonly Call[];
  readonly arena: Arena;
  /** Where in the arena results lie that are not carried, and their shapes. */
  readonly results: ReadonlyMap<string, { readonly address: Address; readonly value: Value }>;
}

/** What the memory of an input is called. */
export function inMemory(input: string): string {
  return `input ${input}`;
}

/** The calls of a program for some lengths. Inputs are read where they are, in memory `inMemory`. */
export function planCalls(
  program: CProgram,
  bindings: Bindings,
  { carried }: Pick<Program, "carried">,
): Plan {
  const { graph, units, kept, kernels } = program;
  const plan = new PlanBuilder(bindings, (value) => kept.source(value));
  for (const [name, value] of graph.inputs) {
    plan.places.set(value.id, newPlace(plan.shape(value), inMemory(name)));
  }
  for (const { value } of graph.constants) {
    plan.places.set(value.id, newPlace(plan.shape(value), `constant ${value.id}`));
  }
  plan.placing = choosePlaces(program, {
    carried,
    places: plan.places,
    shape: (value) => plan.shape(value),
    numbers: (lengths) => plan.numbers(lengths),
  });
  for (const unit of units) {
    const kernel = kernels.get(unit);
    if (kernel) fused(plan, kernel);
    else if (!unit.fused && unit.nodes[0]!.outputs.some((value) => kept.isNeeded(value))) {
      lower(plan, unit.nodes[0]!);
    }
  }
  const results = new Map<string, { address: Address; value: Value }>();
  for (const [name, value] of graph.outputs) {
    const place = plan.contiguous(value);
    if (carried.includes(name)) {
      const home = plan.places.get(graph.inputs.get(name)!.id)!;
      if (place.buffer !== home.buffer) plan.copy(place, home, plan.shape(value));
    } else if (place.buffer.external === undefined) {
      results.set(name, { address: addressOf(place), value });
    } else {
      const copy = newPlace(plan.shape(value));
      plan.copy(place, copy, plan.shape(value));
      results.set(name, { address: addressOf(copy), value });
    }
  }
  const lifetimes = lifetimesOf(plan.calls);
  for (const { address: { buffer } } of results.values()) {
    const lifetime = lifetimes.get(buffer) ?? { first: -1, last: -1 };
    lifetimes.set(buffer, { ...lifetime, last: plan.calls.length });
  }
  const owners = shareBuffers(plan.calls, lifetimes);
  const { offsets, bytes } = arrange(lifetimes);
  const shared = [...owners].map(([buffer, owner]) => [buffer, offsets.get(owner)!] as const);
  return {
    calls: plan.calls,
    arena: { offsets: new Map([...offsets, ...shared]), bytes },
    results,
  };
}

function fused(
  plan: PlanBuilder,
  { index, arguments: given, rows, serial, inPlace }: FusedKernel & { readonly index: number },
): void {
  const places = given.map((argument) => {
    if ("length" in argument) return undefined;
    const { value, written } = argument;
    return { written, ...written ? plan.newPlace(value) : plan.contiguous(value) };
  });
  const buffers = (of: boolean) =>
    places.flatMap((place) => place?.written === of ? [place.buffer] : []);
  /** A buffer of the arena that only one argument lies in, and all of it does. */
  const alone = (argument: number) => {
    const { buffer, layout } = places[argument]!;
    const users = places.filter((place) => place?.buffer === buffer).length;
    const { value } = given[argument] as { value: Value };
    const whole = isContiguous(layout) && buffer.bytes === newPlace(plan.shape(value)).buffer.bytes;
    return buffer.external === undefined && users === 1 && whole ? buffer : undefined;
  };
  const taken = new Map<Buffer, Buffer[]>();
  for (const { result, operand } of inPlace) {
    const [to, from] = [alone(result), alone(operand)];
    if (to && from && to.bytes === from.bytes) taken.set(to, [...taken.get(to) ?? [], from]);
  }
  plan.call({
    kernel: index,
    arguments: given.map((argument, i) =>
      "length" in argument ? plan.number(argument.length) : addressOf(places[i]!)
    ),
    count: plan.number(rows),
    serial,
    reads: buffers(false),
    writes: buffers(true),
    inPlace: taken,
  });
}

type Rule<O extends Op> = (plan: PlanBuilder, node: Node<O>) => void;

/** A rule for what is taken apart, or joined into kernels, before anything is placed. */
const gone: Rule<Op> = (_, { op }) => {
  throw new TypeError(`Cannot place ${op}: the passes before leave none`);
};

const reshaped: Rule<OpThat<"reshapes">> = (plan, node) =>
  move(plan, node, (layout) => reshape(layout, plan.shape(node.outputs[0]!)));

/** What becomes of operations that are no part of a kernel of the program's own. */
const RULES: { readonly [O in Exclude<Op, OpThat<"elementwise">>]: Rule<O> } = {
  Reshape: reshaped,
  ExpandDims: reshaped,
  Transpose: (plan, node) => move(plan, node, (layout) => transpose(layout, node.attributes.perm)),
  Slice(plan, node) {
    const begin = plan.numbers(node.attributes.begin), size = plan.numbers(node.attributes.size);
    move(plan, node, (layout) => sliceAll(layout, begin, size));
  },
  SplitV: split,
  Concat: concat,
  PadV2: pad,
  Tile: tile,
  Fill: (plan, { outputs, attributes }) => plan.fill(plan.newPlace(outputs[0]!), attributes.value),
  GatherV2: gather,
  BatchMatMul: product,
  Sum: reduce,
  Mean: reduce,
  Max: reduce,
  Softmax: gone,
  Normalise: gone,
  LayerNorm: gone,
  Gelu: gone,
};

function lower(plan: PlanBuilder, node: Node): void {
  if (isElementwise(node)) gone(plan, node);
  else (RULES[node.op] as Rule<Op>)(plan, node);
}
