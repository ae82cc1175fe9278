/** Operations that only move elements: most are another look at the same memory. */

import type { Node } from "../../graph/graph.ts";
import { sizeOf } from "../../../tensor.ts";
import { type Emitter, viewOf } from "./calls.ts";
import { type Layout, slice, sliceAll, tiles } from "./layout.ts";
import { addressOf } from "./arena.ts";

/** A result that is another look at the operand, where nobody wants it elsewhere. */
export function move(
  at: Emitter,
  { inputs: [input], outputs: [output] }: Node,
  look: (layout: Layout) => Layout | undefined,
): void {
  const from = at.place(input!), wanted = at.placing.get(output!.id);
  if (wanted && from.block === wanted.block) {
    // The operand was written where the result is wanted.
    at.places.set(output!.id, wanted);
    return;
  }
  const layout = look(from.layout);
  const place = layout ? { block: from.block, layout } : viewOf(at.contiguous(input!), look);
  if (wanted === undefined) {
    at.places.set(output!.id, place);
    return;
  }
  at.copy(place, wanted, at.shape(output!));
  at.places.set(output!.id, wanted);
}

export function split(at: Emitter, { inputs: [input], outputs, attributes }: Node<"SplitV">): void {
  const { axis, sizes } = attributes;
  let begin = 0;
  for (const [i, size] of at.numbers(sizes).entries()) {
    const first = begin;
    const look = (layout: Layout) => slice(layout, axis, { begin: first, size });
    const from = at.place(input!), layout = look(from.layout);
    at.places.set(
      outputs[i]!.id,
      layout ? { block: from.block, layout } : viewOf(at.contiguous(input!), look),
    );
    begin += size;
  }
}

export function concat(
  at: Emitter,
  { inputs, outputs: [output], attributes: { axis } }: Node<"Concat">,
): void {
  const place = at.newPlace(output!);
  let begin = 0;
  for (const input of inputs) {
    const shape = at.shape(input), size = shape[axis]!;
    const layout = slice(place.layout, axis, { begin, size });
    if (layout === undefined) throw new TypeError("cannot join tensors inside of an axis");
    const from = at.place(input);
    if (from.block !== place.block) at.copy(from, { block: place.block, layout }, shape);
    begin += size;
  }
}

export function pad(
  at: Emitter,
  { inputs: [input], outputs: [output], attributes }: Node<"PadV2">,
): void {
  const paddings = attributes.paddings.map((pair) => at.numbers(pair));
  const shape = at.shape(input!), place = at.newPlace(output!);
  const inner = sliceAll(place.layout, paddings.map(([before]) => before!), shape);
  if (inner === undefined) throw new TypeError("cannot pad inside of an axis");
  const whole = at.shape(output!);
  paddings.forEach(([before, after], axis) => {
    const edges = [{ begin: 0, size: before! }, { begin: whole[axis]! - after!, size: after! }];
    for (const edge of edges.filter(({ size }) => size > 0)) {
      const layout = slice(place.layout, axis, edge);
      if (layout === undefined) throw new TypeError("cannot pad inside of an axis");
      at.fill({ block: place.block, layout }, attributes.value);
    }
  });
  const from = at.place(input!);
  if (from.block !== place.block) at.copy(from, { block: place.block, layout: inner }, shape);
}

export function tile(
  at: Emitter,
  { inputs: [input], outputs: [output], attributes }: Node<"Tile">,
): void {
  const shape = at.shape(input!), place = at.newPlace(output!);
  const from = at.place(input!);
  for (const layout of tiles(place.layout, shape, at.numbers(attributes.reps))) {
    if (layout === undefined) throw new TypeError("cannot repeat a tensor inside of an axis");
    at.copy(from, { block: place.block, layout }, shape);
  }
}

export function gather(
  at: Emitter,
  { inputs: [table, indices], outputs: [output], attributes: { axis } }: Node<"GatherV2">,
): void {
  const shape = at.shape(table!), count = sizeOf(at.shape(indices!));
  const from = at.contiguous(table!), rows = at.contiguous(indices!);
  const to = at.newPlace(output!);
  const outer = sizeOf(shape.slice(0, axis)), inner = sizeOf(shape.slice(axis + 1));
  at.call({
    kernel: "gather_rows",
    arguments: [addressOf(from), addressOf(rows), addressOf(to), shape[axis]!, count, inner],
    count: outer * count,
    reads: [from.block, rows.block],
    writes: [to.block],
  });
}
