/** How operations that work element by element are written in C, and which operations can be fused with them. */

import {
  type Attributes,
  type Graph,
  isReshape,
  nextValueId,
  type Node,
  type Value,
} from "../graph.ts";
import { type Length, productOf, sameLength } from "../length.ts";

/** The C expression of one element from those of the operands. */
type Expression = (operands: readonly string[], attributes: Attributes) => string;

const binary = (operator: string): Expression => ([a, b]) => `${a} ${operator} ${b}`;
const call = (name: string): Expression => (operands) => `${name}(${operands.join(", ")})`;

/** Operations of one element of each operand. Comparisons that keep the first operand keep a NaN, as `Math.max` does. */
export const ELEMENTWISE: Readonly<Record<string, Expression>> = {
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
  Step: ([x], { alpha }) =>
    `${x} > 0.0f ? 1.0f : ${x} != ${x} ? ${x} : ${floatLiteral(alpha as number)}`,
  Cast: ([x], { type }) => type === "bool" ? `${x} != 0` : `(${cType(type as string)})${x}`,
  Select: ([condition, t, e]) => `${condition} ? ${t} : ${e}`,
};

/** Operations that cost next to nothing again where their operands are at hand. */
export const CHEAP: ReadonlySet<string> = new Set(["Add", "Sub", "Multiply", "Neg", "Square"]);

/** The type that an element has in C and in memory. */
export function cType(type: string): "float" | "int32_t" {
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
export function reducesRows({ op, inputs: [x], attributes }: Node): boolean {
  if (!["Sum", "Mean", "Max"].includes(op)) return false;
  return String(attributes["axis"]) === String(x!.shape.length - 1);
}

/** Whether a node sums all rows of an operand of several. */
export function sumsColumns({ op, inputs: [x], attributes }: Node): boolean {
  if (op !== "Sum" || x!.shape.length < 2) return false;
  return String(attributes["axis"]) === x!.shape.slice(0, -1).map((_, axis) => axis).join();
}

/** Whether a node can be part of a fused kernel. */
export function isFusible(node: Node): boolean {
  return node.op in ELEMENTWISE || reducesRows(node) || sumsColumns(node);
}

/** The value whose bytes a value has, as rows of the same length: what reshapes were made of. */
export function sourceOf(value: Value, makers: ReadonlyMap<number, Node>): Value {
  const maker = makers.get(value.id);
  if (maker === undefined || !isReshape(maker)) return value;
  const [operand] = maker.inputs;
  return sameLength(columnsOf(operand!), columnsOf(value)) ? sourceOf(operand!, makers) : value;
}

/** Softmax as the operations that it consists of, so that they can be fused with others. */
export function expandSoftmax(graph: Graph): Graph {
  let next = nextValueId(graph);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    // These only look at the shape.
    if (["ZerosLike", "OnesLike"].includes(node.op)) return [{ ...node, inputs: [] }];
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
