/** One rule per operation: how it is written in ONNX. */

import type { OnnxModel } from "../../formats/onnx.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import type { Op } from "../graph/operations.ts";
import { Emitter, MICROSOFT, type OnnxDialect } from "./model.ts";

/** Operands by name, the node itself, and the name that the result must get. */
interface Call<O extends Op> {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly node: Node<O>;
}

type Rule<O extends Op> = (emitter: Emitter, call: Call<O>) => void;

/** What a rule needs that looks at names only. */
type Names = Pick<Call<Op>, "inputs" | "output">;

/** The same operator under another name. */
function direct(op: string): (emitter: Emitter, names: Names) => void {
  return (emitter, { inputs, output }) => void emitter.add(op, inputs, { output });
}

function reduction(op: string): Rule<"Sum" | "Mean" | "Max"> {
  return (emitter, { inputs: [x], output, node: { attributes } }) => {
    const keepdims = attributes.keepDims ? 1 : 0;
    const axes = attributes.axis;
    // Version 17 takes the axes of sums as an input and those of the others as an attribute.
    if (op === "ReduceSum") {
      emitter.add(op, [x!, emitter.integers(axes)], { output, attributes: { keepdims } });
    } else emitter.add(op, [x!], { output, attributes: { keepdims, axes } });
  };
}

function sum(emitter: Emitter, call: Call<"Sum">): void {
  const { inputs: [x], output, node } = call;
  const { shape } = node.inputs[0]!;
  const axes = node.attributes.axis;
  const columns = shape.length === 2 && axes.length === 1 && axes[0] === 0;
  if (!columns || emitter.portable) return reduction("ReduceSum")(emitter, call);
  // A product with a row of ones: the runtime's reduction over rows runs on one thread.
  const ones = emitter.add("Expand", [emitter.scalar(1), emitter.lengths([1, shape[0]!])]);
  const row = emitter.add("MatMul", [ones, x!]);
  const target = node.attributes.keepDims ? [1, shape[1]!] : [shape[1]!];
  emitter.add("Reshape", [row, emitter.reshapeTarget(target)], { output });
}

function matMul(emitter: Emitter, { inputs, output, node }: Call<"BatchMatMul">): void {
  const { transposeA, transposeB, scale = 1 } = node.attributes;
  const rank = node.inputs[0]!.shape.length;
  const transA = transposeA ? 1 : 0, transB = transposeB ? 1 : 0;
  const alpha = { float: scale };
  if (rank === 2) {
    if (!transA && !transB && inputs.length === 2 && scale === 1) {
      emitter.add("MatMul", inputs, { output });
    } else emitter.add("Gemm", inputs, { output, attributes: { transA, transB, alpha } });
  } else if (emitter.portable) {
    const swap = (name: string | undefined, wanted: number) => {
      const perm = [...Array(rank - 2).keys(), rank - 1, rank - 2];
      return wanted ? emitter.add("Transpose", [name!], { attributes: { perm } }) : name!;
    };
    const product = emitter.add("MatMul", [swap(inputs[0], transA), swap(inputs[1], transB)]);
    emitter.add("Mul", [product, emitter.scalar(scale)], { output });
  } else {
    const attributes = { transA, transB, alpha };
    emitter.add("FusedMatMul", inputs, { output, attributes, domain: MICROSOFT });
  }
}

/** LayerNormalization with a weight of ones; its second result, the mean, is not needed. */
const normalise: Rule<"Normalise"> = (emitter, { inputs: [x], node }) => {
  const width = node.inputs[0]!.shape.at(-1) as number;
  const ones = { dtype: "float32", shape: [width], data: new Float32Array(width).fill(1) } as const;
  const [normal, inverse] = node.outputs.map((value) => emitter.name(value));
  const epsilon = { float: node.attributes.epsilon };
  emitter.addNode({
    op: "LayerNormalization",
    inputs: [x!, emitter.constant(ones)],
    outputs: [normal!, "", inverse!],
    attributes: { axis: -1, epsilon },
  });
};

const layerNorm: Rule<"LayerNorm"> = (emitter, { inputs, output, node }) => {
  const epsilon = { float: node.attributes.epsilon };
  emitter.add("LayerNormalization", inputs, { output, attributes: { axis: -1, epsilon } });
};

const gelu: Rule<"Gelu"> = (emitter, { inputs: [x], output }) => {
  if (!emitter.portable) return void emitter.add("Gelu", [x!], { output, domain: MICROSOFT });
  const erf = emitter.add("Erf", [emitter.add("Mul", [x!, emitter.scalar(Math.SQRT1_2)])]);
  const sum = emitter.add("Add", [erf, emitter.scalar(1)]);
  emitter.add("Mul", [emitter.add("Mul", [x!, sum]), emitter.scalar(0.5)], { output });
};

/** A tensor of one number. */
function fill(emitter: Emitter, made: Value, { value, output }: { value: number; output: string }) {
  const filler = made.type === "float32"
    ? emitter.scalar(value)
    : emitter.constant({ dtype: "int32", shape: [], data: Int32Array.of(value) });
  emitter.add("Expand", [filler, emitter.lengths(made.shape)], { output });
}

const filled: Rule<"Fill" | "Uniform"> = (emitter, { output, node: { attributes, outputs } }) =>
  fill(emitter, outputs[0]!, { value: attributes.value, output });

/** Writing rules of all operations. */
const RULES: { readonly [O in Op]: Rule<O> } = {
  Add: direct("Add"),
  Sub: direct("Sub"),
  Multiply: direct("Mul"),
  RealDiv: direct("Div"),
  Maximum: direct("Max"),
  Minimum: direct("Min"),
  Pow: direct("Pow"),
  Greater: direct("Greater"),
  Less: direct("Less"),
  Equal: direct("Equal"),
  SquaredDifference(emitter, { inputs, output }) {
    const difference = emitter.add("Sub", inputs);
    emitter.add("Mul", [difference, difference], { output });
  },
  Abs: direct("Abs"),
  Neg: direct("Neg"),
  Sign: direct("Sign"),
  Square: (emitter, { inputs: [x], output }) => void emitter.add("Mul", [x!, x!], { output }),
  Sqrt: direct("Sqrt"),
  Rsqrt: (emitter, { inputs, output }) =>
    void emitter.add("Reciprocal", [emitter.add("Sqrt", inputs)], { output }),
  Reciprocal: direct("Reciprocal"),
  Exp: direct("Exp"),
  Log: direct("Log"),
  Sin: direct("Sin"),
  Cos: direct("Cos"),
  Erf: direct("Erf"),
  Tanh: direct("Tanh"),
  Sigmoid: direct("Sigmoid"),
  Relu: direct("Relu"),
  ZerosLike: (emitter, { output, node }) => fill(emitter, node.outputs[0]!, { value: 0, output }),
  OnesLike: (emitter, { output, node }) => fill(emitter, node.outputs[0]!, { value: 1, output }),
  Step(emitter, { inputs: [x], output, node }) {
    const positive = emitter.add("Greater", [x!, emitter.scalar(0)]);
    const below = emitter.scalar(node.attributes.alpha);
    emitter.add("Where", [positive, emitter.scalar(1), below], { output });
  },
  Cast(emitter, { inputs, output, node }) {
    const to = { float32: 1, int32: 6, bool: 9 }[node.outputs[0]!.type];
    emitter.add("Cast", inputs, { output, attributes: { to } });
  },
  Select: direct("Where"),
  Sum: sum,
  Mean: reduction("ReduceMean"),
  Max: reduction("ReduceMax"),
  Softmax: (emitter, { inputs, output, node }) =>
    void emitter.add("Softmax", inputs, {
      output,
      attributes: { axis: node.attributes.axis },
    }),
  BatchMatMul: matMul,
  // Made by passes
  Uniform: filled,
  Normalise: normalise,
  LayerNorm: layerNorm,
  Gelu: gelu,
  Reshape: (emitter, { inputs: [x], output, node }) =>
    void emitter.add("Reshape", [x!, emitter.reshapeTarget(node.outputs[0]!.shape)], { output }),
  ExpandDims: (emitter, { inputs: [x], output, node }) =>
    void emitter.add("Unsqueeze", [x!, emitter.integers([node.attributes.axis])], {
      output,
    }),
  Transpose: (emitter, { inputs, output, node }) =>
    void emitter.add("Transpose", inputs, {
      output,
      attributes: { perm: node.attributes.perm },
    }),
  GatherV2: (emitter, { inputs, output, node }) =>
    void emitter.add("Gather", inputs, {
      output,
      attributes: { axis: node.attributes.axis },
    }),
  Concat: (emitter, { inputs, output, node }) =>
    void emitter.add("Concat", inputs, {
      output,
      attributes: { axis: node.attributes.axis },
    }),
  SplitV(emitter, { inputs: [x], node }) {
    const sizes = emitter.lengths(node.attributes.sizes);
    emitter.addNode({
      op: "Split",
      inputs: [x!, sizes],
      outputs: node.outputs.map((value) => emitter.name(value)),
      attributes: { axis: node.attributes.axis },
    });
  },
  Slice(emitter, { inputs: [x], output, node }) {
    const begin = node.attributes.begin;
    const full = node.inputs[0]!.shape, taken = node.outputs[0]!.shape;
    // Only the axes that are really cut: the others would need lengths computed for nothing.
    const axes = full.map((_, axis) => axis).filter((axis) => full[axis] !== taken[axis]);
    const starts = emitter.lengths(axes.map((axis) => begin[axis]!));
    const ends = emitter.add("Add", [starts, emitter.lengths(axes.map((axis) => taken[axis]!))]);
    emitter.add("Slice", [x!, starts, ends, emitter.integers(axes)], { output });
  },
  PadV2(emitter, { inputs: [x], output, node }) {
    const paddings = node.attributes.paddings;
    const pads = [...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)];
    const value = emitter.scalar(node.attributes.value);
    emitter.add("Pad", [x!, emitter.lengths(pads), value], { output });
  },
  Tile: (emitter, { inputs: [x], output, node }) =>
    void emitter.add("Tile", [x!, emitter.lengths(node.attributes.reps)], {
      output,
    }),
  Fill: filled,
};

/**
 * Writes a graph as an ONNX model. A result that has the name of an input is called `NAME.next`.
 */
export function emitOnnx(graph: Graph, dialect: OnnxDialect): OnnxModel {
  const emitter = new Emitter(graph, dialect);
  for (const node of graph.nodes) {
    const rule = RULES[node.op] as Rule<Op>;
    const inputs = node.inputs.map((value) => emitter.name(value));
    rule(emitter, { inputs, output: emitter.name(node.outputs[0]!), node });
  }
  return emitter.finish();
}
