/** From units and known lengths to calls of kernels, and the memory that they work in. */

import type { Node, Value } from "../graph.ts";
import type { Bindings } from "../length.ts";
import type { Program } from "../program.ts";
import { type Call, Emitter } from "./emitter.ts";
import type { FusedKernel } from "./kernel_parts.ts";
import { isContiguous, reshape, sliceAll, transpose } from "./layout.ts";
import { lifetimesOf, takeOver } from "./lifetimes.ts";
import { concat, gather, move, pad, split, tile } from "./moves.ts";
import { choosePlaces } from "./placing.ts";
import { product, reduce } from "./products.ts";
import type { NativeProgram } from "./program.ts";
import { type Address, addressOf, type Arena, arrange, type Block, newPlace } from "./storage.ts";

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
    numbers: (attribute) => at.numbers(attribute),
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

function lower(at: Emitter, node: Node): void {
  const { op, inputs, outputs, attributes } = node;
  const [input] = inputs, [output] = outputs;
  switch (op) {
    case "Reshape":
    case "ExpandDims":
      return move(at, node, (layout) => reshape(layout, at.shape(output!)));
    case "Transpose":
      return move(at, node, (layout) => transpose(layout, at.numbers(attributes["perm"])));
    case "Slice": {
      const begin = at.numbers(attributes["begin"]), size = at.numbers(attributes["size"]);
      return move(at, node, (layout) => sliceAll(layout, begin, size));
    }
    case "SplitV":
      return split(at, node);
    case "Concat":
      return concat(at, node);
    case "PadV2":
      return pad(at, node);
    case "Tile":
      return tile(at, node);
    case "Fill":
      return at.fill(at.newPlace(output!), attributes["value"] as number);
    case "GatherV2":
      return gather(at, node);
    case "BatchMatMul":
      return product(at, node);
    case "Sum":
    case "Mean":
    case "Max":
      return reduce(at, node);
    default:
      throw new TypeError(
        `Cannot compile ${op} of %${input?.id} for this machine: it has no kernel, add one to lib/compile/native`,
      );
  }
}
