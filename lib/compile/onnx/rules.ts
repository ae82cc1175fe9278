/** One rule per operation: how it is written in ONNX. */

import type { OnnxModel } from "../../formats/onnx.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import type { Op } from "../graph/operations.ts";
import { MICROSOFT, ModelBuilder, type OnnxDialect } from "./model.ts";

/** Operands by name, the node itself, and the name that the result must get. */
interface RuleInput<O extends Op> {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly node: Node<O>;
}

type Rule<O extends Op> = (model: ModelBuilder, input: RuleInput<O>) => void;

/** What a rule needs that looks at names only. */
type Names = Pick<RuleInput<Op>, "inputs" | "output">;

/** The same operator under another name. */
function direct(op: string): (model: ModelBuilder, names: Names) => void {
  return (model, { inputs, output }) => void model.add(op, inputs, { output });
}

function reduction(op: string): Rule<"Sum" | "Mean" | "Max"> {
  return (model, { inputs: [x], output, node: { attributes } }) => {
    const keepdims = attributes.keepDims ? 1 : 0;
    const axes = attributes.axis;
    // Version 17 takes the axes of sums as an input and those of the others as an attribute.
    if (op === "ReduceSum") {
      model.add(op, [x!, model.integers(axes)], { output, attributes: { keepdims } });
    } else model.add(op, [x!], { output, attributes: { keepdims, axes } });
  };
}

function sum(model: ModelBuilder, input: RuleInput<"Sum">): void {
  const { inputs: [x], output, node } = input;
  const { shape } = node.inputs[0]!;
  const axes = node.attributes.axis;
  const columns = shape.length === 2 && axes.length === 1 && axes[0] === 0;
  if (!columns || model.portable) return reduction("ReduceSum")(model, input);
  // A product with a row of ones: the runtime's reduction over rows runs on one thread.
  const ones = model.add("Expand", [model.scalar(1), model.lengths([1, shape[0]!])]);
  const row = model.add("MatMul", [ones, x!]);
  const target = node.attributes.keepDims ? [1, shape[1]!] : [shape[1]!];
  model.add("Reshape", [row, model.reshapeTarget(target)], { output });
}

function matMul(model: ModelBuilder, { inputs, output, node }: RuleInput<"BatchMatMul">): void {
  const { transposeA, transposeB, scale = 1 } = node.attributes;
  const rank = node.inputs[0]!.shape.length;
  const transA = transposeA ? 1 : 0, transB = transposeB ? 1 : 0;
  const alpha = { float: scale };
  if (rank === 2) {
    if (!transA && !transB && inputs.length === 2 && scale === 1) {
      model.add("MatMul", inputs, { output });
    } else model.add("Gemm", inputs, { output, attributes: { transA, transB, alpha } });
  } else if (model.portable) {
    const swap = (name: string | undefined, wanted: number) => {
      const perm = [...Array(rank - 2).keys(), rank - 1, rank - 2];
      return wanted ? model.add("Transpose", [name!], { attributes: { perm } }) : name!;
    };
    const product = model.add("MatMul", [swap(inputs[0], transA), swap(inputs[1], transB)]);
    model.add("Mul", [product, model.scalar(scale)], { output });
  } else {
    const attributes = { transA, transB, alpha };
    model.add("FusedMatMul", inputs, { output, attributes, domain: MICROSOFT });
  }
}

/** LayerNormalization with a weight of ones; its second result, the mean, is not needed. */
const normalise: Rule<"Normalise"> = (model, { inputs: [x], node }) => {
  const width = node.inputs[0]!.shape.at(-1) as number;
  const ones = { dtype: "float32", shape: [width], data: new Float32Array(width).fill(1) } as const;
  const [normal, inverse] = node.outputs.map((value) => model.name(value));
  const epsilon = { float: node.attributes.epsilon };
  model.addNode({
    op: "LayerNormalization",
    inputs: [x!, model.constant(ones)],
    outputs: [normal!, "", inverse!],
    attributes: { axis: -1, epsilon },
  });
};

const layerNorm: Rule<"LayerNorm"> = (model, { inputs, output, node }) => {
  const epsilon = { float: node.attributes.epsilon };
  model.add("LayerNormalization", inputs, { output, attributes: { axis: -1, epsilon } });
};

const gelu: Rule<"Gelu"> = (model, { inputs: [x], output }) => {
  if (!model.portable) return void model.add("Gelu", [x!], { output, domain: MICROSOFT });
  const erf = model.add("Erf", [model.add("Mul", [x!, model.scalar(Math.SQRT1_2)])]);
  const sum = model.add("Add", [erf, model.scalar(1)]);
  model.add("Mul", [model.add("Mul", [x!, sum]), model.scalar(0.5)], { output });
};

/** A tensor of one number. */
function fill(
  model: ModelBuilder,
  made: Value,
  { value, output }: { value: number; output: string },
) {
  const filler = made.type === "float32"
    ? model.scalar(value)
    : model.constant({ dtype: "int32", shape: [], data: Int32Array.of(value) });
  model.add("Expand", [filler, model.lengths(made.shape)], { output });
}

const filled: Rule<"Fill" | "Uniform"> = (model, { output, node: { attributes, outputs } }) =>
  fill(model, outputs[0]!, { value: attributes.value, output });

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
  SquaredDifference(model, { inputs, output }) {
    const difference = model.add("Sub", inputs);
    model.add("Mul", [difference, difference], { output });
  },
  Abs: direct("Abs"),
  Neg: direct("Neg"),
  Sign: direct("Sign"),
  Square: (model, { inputs: [x], output }) => void model.add("Mul", [x!, x!], { output }),
  Sqrt: direct("Sqrt"),
  Rsqrt: (model, { inputs, output }) =>
    void model.add("Reciprocal", [model.add("Sqrt", inputs)], { output }),
  Reciprocal: direct("Reciprocal"),
  Exp: direct("Exp"),
  Log: direct("Log"),
  Sin: direct("Sin"),
  Cos: direct("Cos"),
  Erf: direct("Erf"),
  Tanh: direct("Tanh"),
  Sigmoid: direct("Sigmoid"),
  Relu: direct("Relu"),
  ZerosLike: (model, { output, node }) => fill(model, node.outputs[0]!, { value: 0, output }),
  OnesLike: (model, { output, node }) => fill(model, node.outputs[0]!, { value: 1, output }),
  Step(model, { inputs: [x], output, node }) {
    const positive = model.add("Greater", [x!, model.scalar(0)]);
    const below = model.scalar(node.attributes.alpha);
    model.add("Where", [positive, model.scalar(1), below], { output });
  },
  Cast(model, { inputs, output, node }) {
    const to = { float32: 1, int32: 6, bool: 9 }[node.outputs[0]!.type];
    model.add("Cast", inputs, { output, attributes: { to } });
  },
  Select: direct("Where"),
  Sum: sum,
  Mean: reduction("ReduceMean"),
  Max: reduction("ReduceMax"),
  Softmax: (model, { inputs, output, node }) =>
    void model.add("Softmax", inputs, {
      output,
      attributes: { axis: node.attributes.axis },
    }),
  BatchMatMul: matMul,
  // Made by passes
  Uniform: filled,
  Normalise: normalise,
  LayerNorm: layerNorm,
  Gelu: gelu,
  Reshape: (model, { inputs: [x], output, node }) =>
    void model.add("Reshape", [x!, model.reshapeTarget(node.outputs[0]!.shape)], { output }),
  ExpandDims: (model, { inputs: [x], output, node }) =>
    void model.add("Unsqueeze", [x!, model.integers([node.attributes.axis])], {
      output,
    }),
  Transpose: (model, { inputs, output, node }) =>
    void model.add("Transpose", inputs, {
      output,
      attributes: { perm: node.attributes.perm },
    }),
  GatherV2: (model, { inputs, output, node }) =>
    void model.add("Gather", inputs, {
      output,
      attributes: { axis: node.attributes.axis },
    }),
  Concat: (model, { inputs, output, node }) =>
    void model.add("Concat", inputs, {
      output,
      attributes: { axis: node.attributes.axis },
    }),
  SplitV(model, { inputs: [x], node }) {
    const sizes = model.lengths(node.attributes.sizes);
    model.addNode({
      op: "Split",
      inputs: [x!, sizes],
      outputs: node.outputs.map((value) => model.name(value)),
      attributes: { axis: node.attributes.axis },
    });
  },
  Slice(model, { inputs: [x], output, node }) {
    const begin = node.attributes.begin;
    const full = node.inputs[0]!.shape, taken = node.outputs[0]!.shape;
    // Only the axes that are really cut: the others would need lengths computed for nothing.
    const axes = full.map((_, axis) => axis).filter((axis) => full[axis] !== taken[axis]);
    const starts = model.lengths(axes.map((axis) => begin[axis]!));
    const ends = model.add("Add", [starts, model.lengths(axes.map((axis) => taken[axis]!))]);
    model.add("Slice", [x!, starts, ends, model.integers(axes)], { output });
  },
  PadV2(model, { inputs: [x], output, node }) {
    const paddings = node.attributes.paddings;
    const pads = [...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)];
    const value = model.scalar(node.attributes.value);
    model.add("Pad", [x!, model.lengths(pads), value], { output });
  },
  Tile: (model, { inputs: [x], output, node }) =>
    void model.add("Tile", [x!, model.lengths(node.attributes.reps)], {
      output,
    }),
  Fill: filled,
};

/**
 * Writes a graph as an ONNX model. A result that has the name of an input is called `NAME.next`.
 */
export function emitOnnx(graph: Graph, dialect: OnnxDialect): OnnxModel {
  const model = new ModelBuilder(graph, dialect);
  for (const node of graph.nodes) {
    const rule = RULES[node.op] as Rule<Op>;
    const inputs = node.inputs.map((value) => model.name(value));
    rule(model, { inputs, output: model.name(node.outputs[0]!), node });
  }
  return model.finish();
}
