/**
 * Rewrites that join several operations into one that runtimes have a fast kernel for: matrix products take in their
 * bias and scale, LayerNorm and GELU are recognised from their arithmetic. Results change by rounding only.
 */

import type { Constant, Graph, Node, Value } from "../graph/graph.ts";
import type { Op } from "../graph/operations.ts";
import { removeUnused } from "./simplify.ts";

/** The parts of a graph that patterns are matched against. */
class Matcher {
  readonly #makers = new Map<number, Node>();
  readonly #uses = new Map<number, number>();
  readonly #constants: ReadonlyMap<number, Constant>;

  constructor(graph: Graph) {
    const use = ({ id }: Value) => this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1);
    for (const node of graph.nodes) {
      for (const output of node.outputs) this.#makers.set(output.id, node);
      node.inputs.forEach(use);
    }
    for (const output of graph.outputs.values()) use(output);
    this.#constants = new Map(graph.constants.map((constant) => [constant.value.id, constant]));
  }

  /** The node that makes a value, when it is of the given kind. */
  maker<O extends Op>(value: Value | undefined, op: O): Node<O> | undefined {
    const node = value && this.#makers.get(value.id);
    return node?.op === op ? node as Node<O> : undefined;
  }

  /** The same, when nothing else needs the value. */
  soleMaker<O extends Op>(value: Value | undefined, op: O): Node<O> | undefined {
    return value && this.usesOf(value) === 1 ? this.maker(value, op) : undefined;
  }

  usesOf({ id }: Value): number {
    return this.#uses.get(id) ?? 0;
  }

  /** The number that a constant scalar holds. */
  scalar(value: Value | undefined): number | undefined {
    const data = value && this.#constants.get(value.id)?.data;
    return data && "data" in data && data.data.length === 1 ? data.data[0] : undefined;
  }

  /** A node's other operand, and the number that one operand is. */
  scalarOperand(node: Node | undefined): { other: Value; scalar: number } | undefined {
    const [a, b] = node?.inputs ?? [];
    const right = this.scalar(b), left = this.scalar(a);
    if (a && right !== undefined) return { other: a, scalar: right };
    return b && left !== undefined ? { other: b, scalar: left } : undefined;
  }
}

/** What a node is replaced by; `undefined` leaves it as it is. */
type Rewrite = (node: Node, match: Matcher) => Node | undefined;

/** `(a b) * scalar` and `a b + bias` become part of the product. */
const intoProduct: Rewrite = (node, match) => {
  if (node.op === "Multiply") {
    const scaled = match.scalarOperand(node);
    const product = match.soleMaker(scaled?.other, "BatchMatMul");
    if (!scaled || !product || product.inputs.length > 2) return undefined;
    const scale = (product.attributes.scale ?? 1) * scaled.scalar;
    return { ...product, attributes: { ...product.attributes, scale }, outputs: node.outputs };
  }
  if (node.op === "Add") {
    for (const [operand, bias] of [node.inputs, node.inputs.toReversed()]) {
      const product = match.soleMaker(operand, "BatchMatMul");
      if (!product || product.inputs.length > 2 || operand!.shape.length !== 2) continue;
      if (bias!.shape.length !== 1) continue;
      return { ...product, inputs: [...product.inputs, bias!], outputs: node.outputs };
    }
  }
  return undefined;
};

/** `(x - mean) / sqrt(variance + epsilon)`, with the inverse deviation as a second result. */
const intoNormalise: Rewrite = (node, match) => {
  if (node.op !== "Multiply") return undefined;
  const [centredValue, inverseValue] = node.inputs;
  const centred = match.maker(centredValue, "Sub");
  const inverse = match.maker(inverseValue, "Rsqrt");
  const shifted = match.scalarOperand(match.soleMaker(inverse?.inputs[0], "Add"));
  const variance = match.soleMaker(shifted?.other, "Mean");
  const square = match.soleMaker(variance?.inputs[0], "Square");
  const mean = match.soleMaker(centred?.inputs[1], "Mean");
  if (!centred || !shifted || !variance || !square || !mean) return undefined;
  const x = centred.inputs[0]!;
  const last = x.shape.length - 1;
  const fits = square.inputs[0] === centredValue && mean.inputs[0] === x &&
    [mean, variance].every(({ attributes }) =>
      attributes.keepDims && String(attributes.axis) === String(last)
    );
  if (!fits) return undefined;
  const outputs = [node.outputs[0]!, inverse!.outputs[0]!];
  return { op: "Normalise", inputs: [x], attributes: { epsilon: shifted.scalar }, outputs };
};

/** `normalise(x) * weight + bias`, when the backward pass does not need what is in between. */
const intoLayerNorm: Rewrite = (node, match) => {
  if (node.op !== "Add") return undefined;
  const weighted = match.soleMaker(node.inputs[0], "Multiply");
  const normalise = match.soleMaker(weighted?.inputs[0], "Normalise");
  if (!weighted || !normalise || match.usesOf(normalise.outputs[1]!) > 0) return undefined;
  const weight = weighted.inputs[1]!, bias = node.inputs[1]!;
  if (weight.shape.length !== 1 || bias.shape.length !== 1) return undefined;
  return {
    op: "LayerNorm",
    inputs: [normalise.inputs[0]!, weight, bias],
    attributes: normalise.attributes,
    outputs: node.outputs,
  };
};

/** `x (erf(x / √2) + 1) / 2`, when the backward pass does not need what is in between. */
const intoGelu: Rewrite = (node, match) => {
  if (node.op !== "Multiply") return undefined;
  const [x, distribution] = node.inputs;
  const halved = match.scalarOperand(match.soleMaker(distribution, "Multiply"));
  const shifted = match.scalarOperand(match.soleMaker(halved?.other, "Add"));
  const erf = match.soleMaker(shifted?.other, "Erf");
  const scaled = match.scalarOperand(match.soleMaker(erf?.inputs[0], "Multiply"));
  const isGelu = halved?.scalar === 0.5 && shifted?.scalar === 1 && scaled?.other === x &&
    scaled?.scalar === Math.fround(Math.SQRT1_2);
  return isGelu ? { op: "Gelu", inputs: [x!], attributes: {}, outputs: node.outputs } : undefined;
};

function apply(graph: Graph, rewrite: Rewrite): Graph {
  const match = new Matcher(graph);
  const nodes = graph.nodes.map((node) => rewrite(node, match) ?? node);
  // A rewritten node may make a value that an earlier node made too: the earlier one is gone with its only use.
  const made = new Set<number>();
  const unique = nodes.toReversed().filter(({ outputs }) => {
    const fresh = outputs.every(({ id }) => !made.has(id));
    for (const { id } of outputs) made.add(id);
    return fresh;
  });
  return removeUnused({ ...graph, nodes: unique.reverse() });
}

/** Joins products with their scale and bias, and nothing else. */
export function fuseProducts(graph: Graph): Graph {
  // The scale goes first: a product with a bias is no longer scaled as a whole.
  return [intoProduct, intoProduct].reduce(apply, graph);
}

/** Joins operations where a faster one does the same work. */
export function fuse(graph: Graph): Graph {
  return [intoNormalise, intoLayerNorm, intoGelu].reduce(apply, fuseProducts(graph));
}
