/** Matrix products and reductions as calls of kernels. */

import type { Node, Value } from "../../graph/graph.ts";
import type { OpThat } from "../../graph/operations.ts";
import { sizeOf } from "../../../tensor.ts";
import { BATCH_AXES, floatBits, REDUCE_MAX, REDUCE_MEAN, REDUCE_SUM } from "../library.ts";
import type { PlanBuilder } from "./calls.ts";
import { contiguous, type Factor, refine, transpose } from "./layout.ts";
import { addressOf, newPlace, type Place } from "./arena.ts";

const REDUCTIONS: Readonly<Record<OpThat<"reduces">, number>> = {
  Sum: REDUCE_SUM,
  Mean: REDUCE_MEAN,
  Max: REDUCE_MAX,
};

export function reduce(
  plan: PlanBuilder,
  { op, inputs: [input], outputs: [output], attributes }: Node<OpThat<"reduces">>,
): void {
  const axes = attributes.axis, shape = plan.shape(input!);
  const first = axes[0]!, last = axes.at(-1)!;
  const together = last - first === axes.length - 1;
  // Axes that are apart are brought together at the end.
  const from = together ? plan.contiguous(input!) : axesLast(plan, input!, axes);
  const to = plan.newPlace(output!);
  const reduced = sizeOf(axes.map((axis) => shape[axis]!));
  const inner = together ? sizeOf(shape.slice(last + 1)) : 1;
  const outer = sizeOf(shape) / reduced / inner;
  plan.callFunction("reduce_middle", {
    from: addressOf(from),
    to: addressOf(to),
    reduced,
    inner,
    reduction: REDUCTIONS[op],
  }, { count: outer, reads: [from.buffer], writes: [to.buffer] });
}

/** A copy of a value with some axes behind all others. */
function axesLast(plan: PlanBuilder, value: Value, axes: readonly number[]): Place {
  const all = value.shape.map((_, axis) => axis);
  const perm = [...all.filter((axis) => !axes.includes(axis)), ...axes];
  const { buffer, layout } = plan.place(value);
  const shape = perm.map((axis) => plan.shape(value)[axis]!);
  const copy = newPlace(shape);
  plan.copy({ buffer, layout: transpose(layout, perm) }, copy, shape);
  return copy;
}

export function product(
  plan: PlanBuilder,
  { inputs: [a, b, bias], outputs: [output], attributes }: Node<"BatchMatMul">,
): void {
  const left = matrices(plan, a!), right = matrices(plan, b!);
  const to = plan.newPlace(output!), shape = plan.shape(output!);
  const batch = shape.slice(0, -2);
  const lists = [left, right, to].map(({ layout }, i) => {
    const own = plan.shape([a!, b!, output!][i]!).slice(0, -2);
    // A single matrix is used for the whole batch.
    return sizeOf(own) === 1 && sizeOf(batch) > 1
      ? contiguous(batch).axes.flat().map(({ extent }) => ({ extent, stride: 0 }))
      : layout.axes.slice(0, -2).flat();
  });
  const factors = refine(lists)!;
  const padded = factors.map((list) => [
    ...new Array<Factor>(BATCH_AXES - list.length).fill({ extent: 1, stride: 0 }),
    ...list,
  ]);
  const [m, n] = shape.slice(-2) as [number, number];
  const step = ({ layout }: Place, axis: -1 | -2) => layout.axes.at(axis)![0]?.stride ?? 1;
  const { transposeA, transposeB, scale = 1 } = attributes;
  const k = plan.shape(a!).at(transposeA ? -2 : -1)!;
  const added = bias && plan.contiguous(bias);
  const [inA, inB, inC] = padded.map((list) => list.map(({ stride }) => stride)) as [
    number[],
    number[],
    number[],
  ];
  plan.callFunction("matrix_products", {
    m,
    n,
    k,
    a: addressOf(left),
    a_row: step(left, transposeA ? -1 : -2),
    a_column: k === 1 ? 1 : step(left, transposeA ? -2 : -1),
    b: addressOf(right),
    b_row: step(right, transposeB ? -1 : -2),
    b_column: n === 1 ? 1 : step(right, transposeB ? -2 : -1),
    c: addressOf(to),
    c_row: step(to, -2),
    bias: added ? addressOf(added) : 0,
    scale: floatBits(scale),
    lengths: padded[0]!.map(({ extent }) => extent),
    a_steps: inA,
    b_steps: inB,
    c_steps: inC,
  }, {
    count: sizeOf(batch) > 1 ? sizeOf(batch) : m,
    reads: [left.buffer, right.buffer, ...added ? [added.buffer] : []],
    writes: [to.buffer],
  });
}

/** A place of matrices whose rows and columns have one step each. */
function matrices(plan: PlanBuilder, value: Value): Place {
  const place = plan.place(value);
  const plain = place.layout.axes.slice(-2).every((axis) => axis.length <= 1) &&
    place.layout.axes.slice(0, -2).flat().length <= BATCH_AXES;
  return plain ? place : plan.contiguous(value);
}
