/** How operations that work element by element are written in C. */

import { isElementwise, type Node } from "../../graph/graph.ts";
import type { Length } from "../../graph/length.ts";
import type { Attributes, OpThat, ValueType } from "../../graph/operations.ts";

/** The operations that have an expression in C. */
type ElementOp = OpThat<"elementwise">;

/** The C expression of one element from those of the operands. */
type Expression<A> = (operands: readonly string[], attributes: A) => string;

const binary = (operator: string): Expression<unknown> => ([a, b]) => `${a} ${operator} ${b}`;
const call = (name: string): Expression<unknown> => (operands) => `${name}(${operands.join(", ")})`;

/** Operations of one element of each operand. Comparisons that keep the first operand keep a NaN, as `Math.max` does. */
const EXPRESSIONS: { readonly [O in ElementOp]: Expression<Attributes<Length>[O]> } = {
  Add: binary("+"),
  Sub: binary("-"),
  Multiply: binary("*"),
  RealDiv: binary("/"),
  Maximum: ([a, b]) => `${a} < ${b} || ${b} != ${b} ? ${b} : ${a}`,
  Minimum: ([a, b]) => `${a} > ${b} || ${b} != ${b} ? ${b} : ${a}`,
  SquaredDifference: ([a, b]) => `(${a} - ${b}) * (${a} - ${b})`,
  Pow: call("powf"),
  Greater: binary(">"),
  Less: binary("<"),
  Equal: binary("=="),
  Abs: call("fabsf"),
  Neg: ([x]) => `-(${x})`,
  Sign: ([x]) => `(float)((${x} > 0.0f) - (${x} < 0.0f))`,
  Square: ([x]) => `${x} * ${x}`,
  Sqrt: call("sqrtf"),
  Rsqrt: ([x]) => `1.0f / sqrtf(${x})`,
  Reciprocal: ([x]) => `1.0f / ${x}`,
  Exp: call("exp_of"),
  Log: call("logf"),
  Sin: call("sin_of"),
  Cos: call("cos_of"),
  Erf: call("erf_of"),
  Tanh: call("tanhf"),
  Sigmoid: ([x]) => `1.0f / (1.0f + exp_of(-(${x})))`,
  Relu: ([x]) => `${x} < 0.0f ? 0.0f : ${x}`,
  ZerosLike: () => "0",
  OnesLike: () => "1",
  Step: ([x], { alpha }) => `${x} > 0.0f ? 1.0f : ${x} != ${x} ? ${x} : ${floatLiteral(alpha)}`,
  Cast: ([x], { type }) => type === "bool" ? `${x} != 0` : `(${cType(type)})${x}`,
  Select: ([condition, t, e]) => `${condition} ? ${t} : ${e}`,
  Uniform: (_, { value }) => String(value),
};

/** The C expression of one element of a node's result. */
export function expression(node: Node, operands: readonly string[]): string {
  if (!isElementwise(node)) throw new TypeError(`${node.op} does not go element by element`);
  return (EXPRESSIONS[node.op] as Expression<unknown>)(operands, node.attributes);
}

/** The type that an element has in C and in memory. */
export function cType(type: ValueType): "float" | "int32_t" {
  return type === "float32" ? "float" : "int32_t";
}

/** A number as a C literal of its exact value. */
export function floatLiteral(value: number): string {
  if (Number.isNaN(value)) return "NAN";
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "-INFINITY";
  const text = String(Math.fround(value));
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`;
}
