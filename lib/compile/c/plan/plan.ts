/** From units and known lengths to calls of kernels, and the memory that they work in. */

import { isElementwise, type Node, type Value } from "../../graph/graph.ts";
import type { Bindings } from "../../graph/length.ts";
import type { Op, OpThat } from "../../graph/operations.ts";
import type { Program } from "../../program.ts";
import { type Call, Emitter } from "./calls.ts";
import type { FusedKernel } from "../kernels/parts.ts";
import { isContiguous, reshape, sliceAll, transpose } from "./layout.ts";
import { lifetimesOf, takeOver } from "./lifetimes.ts";
import { concat, gather, move, pad, split, tile } from "./moves.ts";
import { choosePlaces } from "./placing.ts";
import { product, reduce } from "./products.ts";
import type { NativeProgram } from "../compile.ts";
import { type Address, addressOf, type Arena, arrange, type Block, newPlace } from "./arena.ts";

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
export function planNative(
  program: NativeProgram,
  bindings: Bindings,
  { carried }: Pick<Program, "carried">,
): Plan {
  const { graph, units, keeping, kernels } = program;
  const at = new Emitter(bindings, (value) => keeping.source(value));
  for (const [name, value] of graph.inputs) {
    at.places.set(value.id, newPlace(at.shape(value), inMemory(name)));
  }
  for (const { value } of graph.constants) {
    at.places.set(value.id, newPlace(at.shape(value), `constant ${value.id}`));
  }
  at.placing = choosePlaces(program, {
    carried,
    places: at.places,
    shape: (value) => at.shape(value),
    numbers: (lengths) => at.numbers(lengths),
  });
  for (const unit of units) {
    const kernel = kernels.get(unit);
    if (kernel) fused(at, kernel);
    else if (!unit.fused && unit.nodes[0]!.outputs.some((value) => keeping.isNeeded(value))) {
      lower(at, unit.nodes[0]!);
    }
  }
  const results = new Map<string, { address: Address; value: Value }>();
  for (const [name, value] of graph.outputs) {
    const place = at.contiguous(value);
    if (carried.includes(name)) {
      const home = at.places.get(graph.inputs.get(name)!.id)!;
      if (place.block !== home.block) at.copy(place, home, at.shape(value));
    } else if (place.block.fixed === undefined) {
      results.set(name, { address: addressOf(place), value });
    } else {
      const copy = newPlace(at.shape(value));
      at.copy(place, copy, at.shape(value));
      results.set(name, { address: addressOf(copy), value });
    }
  }
  const lifetimes = lifetimesOf(at.calls);
  for (const { address: { block } } of results.values()) {
    const lifetime = lifetimes.get(block) ?? { first: -1, last: -1 };
    lifetimes.set(block, { ...lifetime, last: at.calls.length });
  }
  const owners = takeOver(at.calls, lifetimes);
  const { offsets, bytes } = arrange(lifetimes);
  const shared = [...owners].map(([block, owner]) => [block, offsets.get(owner)!] as const);
  return { calls: at.calls, arena: { offsets: new Map([...offsets, ...shared]), bytes }, results };
}

function fused(
  at: Emitter,
  { index, arguments: given, rows, serial, takeovers }: FusedKernel & { readonly index: number },
): void {
  const places = given.map((argument) => {
    if ("length" in argument) return undefined;
    const { value, written } = argument;
    return { written, ...written ? at.newPlace(value) : at.contiguous(value) };
  });
  const blocks = (of: boolean) =>
    places.flatMap((place) => place?.written === of ? [place.block] : []);
  /** A block of the arena that only one argument lies in, and all of it does. */
  const alone = (argument: number) => {
    const { block, layout } = places[argument]!;
    const users = places.filter((place) => place?.block === block).length;
    const { value } = given[argument] as { value: Value };
    const whole = isContiguous(layout) && block.bytes === newPlace(at.shape(value)).block.bytes;
    return block.fixed === undefined && users === 1 && whole ? block : undefined;
  };
  const taken = new Map<Block, Block[]>();
  for (const { result, operand } of takeovers) {
    const [to, from] = [alone(result), alone(operand)];
    if (to && from && to.bytes === from.bytes) taken.set(to, [...taken.get(to) ?? [], from]);
  }
  at.call({
    kernel: index,
    arguments: given.map((argument, i) =>
      "length" in argument ? at.number(argument.length) : addressOf(places[i]!)
    ),
    count: at.number(rows),
    serial,
    reads: blocks(false),
    writes: blocks(true),
    takeovers: taken,
  });
}

type Rule<O extends Op> = (at: Emitter, node: Node<O>) => void;

/** A rule for what is taken apart, or joined into kernels, before anything is placed. */
const gone: Rule<Op> = (_, { op }) => {
  throw new TypeError(`Cannot place ${op}: the passes before leave none`);
};

const reshaped: Rule<OpThat<"reshapes">> = (at, node) =>
  move(at, node, (layout) => reshape(layout, at.shape(node.outputs[0]!)));

/** What becomes of operations that are no part of a kernel of the program's own. */
const RULES: { readonly [O in Exclude<Op, OpThat<"elementwise">>]: Rule<O> } = {
  Reshape: reshaped,
  ExpandDims: reshaped,
  Transpose: (at, node) => move(at, node, (layout) => transpose(layout, node.attributes.perm)),
  Slice(at, node) {
    const begin = at.numbers(node.attributes.begin), size = at.numbers(node.attributes.size);
    move(at, node, (layout) => sliceAll(layout, begin, size));
  },
  SplitV: split,
  Concat: concat,
  PadV2: pad,
  Tile: tile,
  Fill: (at, { outputs, attributes }) => at.fill(at.newPlace(outputs[0]!), attributes.value),
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

function lower(at: Emitter, node: Node): void {
  if (isElementwise(node)) gone(at, node);
  else (RULES[node.op] as Rule<Op>)(at, node);
}
