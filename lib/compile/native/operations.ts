/** How operations that work element by element are written in C, and which operations can be fused with them. */

import {
  type Graph,
  isElementwise,
  isReduction,
  isReshape,
  nextValueId,
  type Node,
  type Value,
} from "../graph.ts";
import { type Length, productOf, sameLength } from "../length.ts";
import type { Attributes, OpThat, ValueType } from "../operations.ts";

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

/** Whether a node can be part of a fused kernel. */
export function isFusible(node: Node): boolean {
  return isElementwise(node) || reducesRows(node) || sumsColumns(node);
}

/** The value whose bytes a value has, as rows of the same length: what reshapes were made of. */
export function sourceOf(value: Value, makers: ReadonlyMap<number, Node>): Value {
  const maker = makers.get(value.id);
  if (maker === undefined || !isReshape(maker)) return value;
  const [operand] = maker.inputs;
  return sameLength(columnsOf(operand!), columnsOf(value)) ? sourceOf(operand!, makers) : value;
}

/** Zeros or ones without the operand, of which they only take the shape: they need not wait for it. */
function uniform({ op, outputs }: Node<"ZerosLike" | "OnesLike">): Node<"Uniform"> {
  const { shape, type } = outputs[0]!;
  const attributes = { shape, value: op === "OnesLike" ? 1 : 0, type };
  return { op: "Uniform", inputs: [], attributes, outputs };
}

/** Softmax as the operations that it consists of, so that they can be fused with others. */
export function expandSoftmax(graph: Graph): Graph {
  let next = nextValueId(graph);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (node.op === "ZerosLike" || node.op === "OnesLike") return [uniform(node)];
    if (node.op !== "Softmax") return [node];
    const [x] = node.inputs, last = x!.shape.length - 1;
    const fresh = (shape: readonly Length[]): Value => ({ id: next++, type: x!.type, shape });
    const along = { axis: [last], keepDims: true };
    const peak = fresh(x!.shape.with(last, 1)), sum = fresh(x!.shape.with(last, 1));
    const shifted = fresh(x!.shape), power = fresh(x!.shape);
    return [
      { op: "Max", inputs: [x!], attributes: along, outputs: [peak] },
      { op: "Sub", inputs: [x!, peak], attributes: {}, outputs: [shifted] },
      { op: "Exp", inputs: [shifted], attributes: {}, outputs: [power] },
      { op: "Sum", inputs: [power], attributes: along, outputs: [sum] },
      { op: "RealDiv", inputs: [power, sum], attributes: {}, outputs: node.outputs },
    ];
  });
  return { ...graph, nodes };
}
