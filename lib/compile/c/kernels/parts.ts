/** What a fused kernel consists of. */

import type { Node, Value } from "../../graph/graph.ts";
import type { Op } from "../../graph/operations.ts";
import { type Length, productOf, sameLength } from "../../graph/length.ts";
import { columnsOf } from "../../graph/rows.ts";

/** An argument of a kernel: a length, or the address of a tensor that it reads or writes. */
export type KernelArgument =
  | { readonly length: Length }
  | { readonly value: Value; readonly written: boolean };

/** A result that may be written over an operand: indices of arguments. */
export interface InPlace {
  readonly result: number;
  readonly operand: number;
}

/** A function body, the same text for units that do the same. */
export interface FusedKernel {
  readonly body: string;
  /** The operation that each local variable is the result of. */
  readonly operations: ReadonlyMap<string, Op>;
  readonly arguments: readonly KernelArgument[];
  readonly rows: Length;
  /** Whether one thread must work on all rows: it sums them up. */
  readonly serial: boolean;
  /** Whether all operands of an element are read before a result of it is written, and never after. */
  readonly singlePass: boolean;
  readonly inPlace: readonly InPlace[];
}

/** How a value varies: with every element, from row to row, from column to column, or not at all. */
export type Variation = "all" | "row" | "column" | "none";

/** A value inside of the function. */
export interface Local {
  readonly value: Value;
  readonly node: Node;
  readonly name: string;
  readonly variation: "all" | "row" | "columnSum";
  /** The pass in which it is known; of a value per row the pass before which it is. */
  readonly pass: number;
}

/** How an operand varies over the elements of what an operation goes over. */
export function variationOf(operand: Value, over: Value): { rows: Variation; columns: boolean } {
  const varies = operand.shape.slice(0, -1).some((length) => length !== 1);
  return {
    rows: varies ? "row" : "none",
    columns: operand.shape.length > 0 && (columnsOf(operand) !== 1 || columnsOf(over) === 1),
  };
}

/** Which row of an operand belongs to row `r`: the same, or the one that broadcasting gives. */
export function rowIndex(
  operand: Value,
  over: Value,
  nameOf: (length: Length) => string,
): string {
  const outer = over.shape.slice(0, -1);
  const inner = operand.shape.slice(0, -1);
  const missing = outer.length - inner.length;
  if (missing === 0 && outer.every((length, axis) => sameLength(length, inner[axis]!))) {
    return "r";
  }
  const terms = inner.flatMap((length, axis) => {
    if (length === 1) return [];
    const after = nameOf(productOf(outer.slice(missing + axis + 1)));
    const own = nameOf(length);
    const step = nameOf(productOf(inner.slice(axis + 1)));
    return [`r / ${after} % ${own} * ${step}`];
  });
  return terms.join(" + ");
}
