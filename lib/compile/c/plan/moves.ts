/** Operations that only move elements: most are views of the same memory. */

import type { Node } from "../../graph/graph.ts";
import { sizeOf } from "../../../tensor.ts";
import { type PlanBuilder, viewOf } from "./calls.ts";
import { type Layout, slice, sliceAll, tiles } from "./layout.ts";
import { addressOf } from "./arena.ts";

/** A view of the operand; a copy if a place was chosen for the result. */
export function move(
  plan: PlanBuilder,
  { inputs: [input], outputs: [output] }: Node,
  view: (layout: Layout) => Layout | undefined,
): void {
  const from = plan.place(input!), chosen = plan.placing.get(output!.id);
  if (chosen && from.buffer === chosen.buffer) {
    // The operand was written there already.
    plan.places.set(output!.id, chosen);
    return;
  }
  const layout = view(from.layout);
  const place = layout ? { buffer: from.buffer, layout } : viewOf(plan.contiguous(input!), view);
  if (chosen === undefined) {
    plan.places.set(output!.id, place);
    return;
  }
  plan.copy(place, chosen, plan.shape(output!));
  plan.places.set(output!.id, chosen);
}

export function split(
  plan: PlanBuilder,
  { inputs: [input], outputs, attributes }: Node<"SplitV">,
): void {
  const { axis, sizes } = attributes;
  let begin = 0;
  for (const [i, size] of plan.numbers(sizes).entries()) {
    const first = begin;
    const view = (layout: Layout) => slice(layout, axis, { begin: first, size });
    const from = plan.place(input!), layout = view(from.layout);
    plan.places.set(
      outputs[i]!.id,
      layout ? { buffer: from.buffer, layout } : viewOf(plan.contiguous(input!), view),
    );
    begin += size;
  }
}

export function concat(
  plan: PlanBuilder,
  { inputs, outputs: [output], attributes: { axis } }: Node<"Concat">,
): void {
  const place = plan.newPlace(output!);
  let begin = 0;
  for (const input of inputs) {
    const shape = plan.shape(input), size = shape[axis]!;
    const layout = slice(place.layout, axis, { begin, size });
    if (layout === undefined) throw new TypeError("cannot join tensors inside of an axis");
    const from = plan.place(input);
    if (from.buffer !== place.buffer) plan.copy(from, { buffer: place.buffer, layout }, shape);
    begin += size;
  }
}

export function pad(
  plan: PlanBuilder,
  { inputs: [input], outputs: [output], attributes }: Node<"PadV2">,
): void {
  const paddings = attributes.paddings.map((pair) => plan.numbers(pair));
  const shape = plan.shape(input!), place = plan.newPlace(output!);
  const inner = sliceAll(place.layout, paddings.map(([before]) => before!), shape);
  if (inner === undefined) throw new TypeError("cannot pad inside of an axis");
  const whole = plan.shape(output!);
  paddings.forEach(([before, after], axis) => {
    const edges = [{ begin: 0, size: before! }, { begin: whole[axis]! - after!, size: after! }];
    for (const edge of edges.filter(({ size }) => size > 0)) {
      const layout = slice(place.layout, axis, edge);
      if (layout === undefined) throw new TypeError("cannot pad inside of an axis");
      plan.fill({ buffer: place.buffer, layout }, attributes.value);
    }
  });
  const from = plan.place(input!);
  if (from.buffer !== place.buffer) plan.copy(from, { buffer: place.buffer, layout: inner }, shape);
}

export function tile(
  plan: PlanBuilder,
  { inputs: [input], outputs: [output], attributes }: Node<"Tile">,
): void {
  const shape = plan.shape(input!), place = plan.newPlace(output!);
  const from = plan.place(input!);
  for (const layout of tiles(place.layout, shape, plan.numbers(attributes.reps))) {
    if (layout === undefined) throw new TypeError("cannot repeat a tensor inside of an axis");
    plan.copy(from, { buffer: place.buffer, layout }, shape);
  }
}

export function gather(
  plan: PlanBuilder,
  { inputs: [table, indices], outputs: [output], attributes: { axis } }: Node<"GatherV2">,
): void {
  const shape = plan.shape(table!), count = sizeOf(plan.shape(indices!));
  const from = plan.contiguous(table!), rows = plan.contiguous(indices!);
  const to = plan.newPlace(output!);
  const outer = sizeOf(shape.slice(0, axis)), inner = sizeOf(shape.slice(axis + 1));
  plan.callFunction("gather_rows", {
    table: addressOf(from),
    indices: addressOf(rows),
    copy: addressOf(to),
    rows: shape[axis]!,
    count,
    inner,
  }, { count: outer * count, reads: [from.buffer, rows.buffer], writes: [to.buffer] });
}
