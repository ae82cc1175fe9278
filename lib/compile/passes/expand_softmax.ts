/** Takes operations apart that kernels of the program's own can take in only piece by piece. */

import { type Graph, nextValueId, type Node, type Value } from "../graph/graph.ts";
import type { Length } from "../graph/length.ts";

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
