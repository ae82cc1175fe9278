/** Rewrites of a graph that never change a value: same results, fewer nodes. */

import type { Graph, Node, Value } from "../graph/graph.ts";
import { printNode } from "../graph/print.ts";

/** Whether a node hands its operand on unchanged. */
function isIdentity({ op, inputs, outputs }: Node): boolean {
  const [input] = inputs, [output] = outputs;
  if (op === "Cast") return input!.type === output!.type;
  return false;
}

/** Text that is equal for nodes which compute the same values. */
function signature(node: Node): string {
  return printNode({ ...node, outputs: [] });
}

/** Replaces values by others that are the same, computed once; removes what nothing needs. */
export function simplify(graph: Graph): Graph {
  const replaced = new Map<number, Value>();
  const current = (value: Value): Value => replaced.get(value.id) ?? value;
  const seen = new Map<string, Node>();
  const nodes: Node[] = [];
  for (const original of graph.nodes) {
    const node = { ...original, inputs: original.inputs.map(current) };
    if (isIdentity(node)) {
      replaced.set(node.outputs[0]!.id, node.inputs[0]!);
      continue;
    }
    const twin = seen.get(signature(node));
    if (twin !== undefined) {
      node.outputs.forEach((output, i) => replaced.set(output.id, twin.outputs[i]!));
      continue;
    }
    seen.set(signature(node), node);
    nodes.push(node);
  }
  const outputs = new Map([...graph.outputs].map(([name, value]) => [name, current(value)]));
  return removeUnused({ ...graph, nodes, outputs });
}

/** Removes nodes and constants that no result depends on. */
export function removeUnused(graph: Graph): Graph {
  const needed = new Set([...graph.outputs.values()].map(({ id }) => id));
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some(({ id }) => needed.has(id))) continue;
    for (const { id } of node.inputs) needed.add(id);
    kept.push(node);
  }
  const constants = graph.constants.filter(({ value }) => needed.has(value.id));
  return { ...graph, constants, nodes: kept.reverse() };
}
