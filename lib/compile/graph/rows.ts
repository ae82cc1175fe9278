/** Tensors as rows: the last axis has the columns, all others together the rows. */

import { isReduction, isReshape, type Node, type Value } from "./graph.ts";
import { type Length, productOf, sameLength } from "./length.ts";

/** The length of the last axis; 1 of a scalar. */
export function columnsOf({ shape }: Pick<Value, "shape">): Length {
  return shape.at(-1) ?? 1;
}

/** The product of all other lengths. */
export function rowsOf({ shape }: Pick<Value, "shape">): Length {
  return productOf(shape.slice(0, -1));
}

/** Whether a node sums, averages or takes the largest along the last axis alone. */
export function reducesRows(node: Node): boolean {
  if (!isReduction(node)) return false;
  return node.attributes.axis.join() === String(node.inputs[0]!.shape.length - 1);
}

/** Whether a node sums all rows of an operand of several. */
export function sumsColumns(node: Node): boolean {
  if (node.op !== "Sum") return false;
  const { shape } = node.inputs[0]!;
  return shape.length > 1 &&
    node.attributes.axis.join() === shape.slice(0, -1).map((_, axis) => axis).join();
}

/** The value whose bytes a value has, as rows of the same length: what reshapes were made of. */
export function sourceOf(value: Value, makers: ReadonlyMap<number, Node>): Value {
  const maker = makers.get(value.id);
  if (maker === undefined || !isReshape(maker)) return value;
  const [operand] = maker.inputs;
  return sameLength(columnsOf(operand!), columnsOf(value)) ? sourceOf(operand!, makers) : value;
}
