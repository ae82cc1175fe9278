/** Which carried values an ONNX model may update in place, whatever order its nodes run in. */
import { type Graph, makersOf, type Node } from "../graph/graph.ts";
import type { Op } from "../graph/operations.ts";

/** Operations that read each element of an operand before they write the element in its place. */
const IN_PLACE: ReadonlySet<Op> = new Set<Op>(["Add", "Sub", "Multiply", "RealDiv"]);

/** The nodes that must have run before a node can, by the identifiers of the values that they make. */
function ancestorsOf(node: Node, makers: ReadonlyMap<number, Node>): Set<Node> {
  const found = new Set<Node>();
  const open = [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const { id } of next.inputs) {
      const maker = makers.get(id);
      if (maker === undefined || found.has(maker)) continue;
      found.add(maker);
      open.push(maker);
    }
  }
  return found;
}

/**
 * Carried values that may be updated in place: whatever reads the old value must have run before the new one can be
 * made, in any order of execution, or makes the new one element by element.
 *
 * @param carried names that are input and output of the graph
 */
export function overwritable(graph: Graph, carried: readonly string[]): ReadonlySet<string> {
  const makers = makersOf(graph);
  const users = new Map<number, Node[]>();
  for (const node of graph.nodes) {
    for (const { id } of node.inputs) users.set(id, [...users.get(id) ?? [], node]);
  }
  const returned = new Set([...graph.outputs.values()].map(({ id }) => id));
  return new Set(carried.filter((name) => {
    const before = graph.inputs.get(name)!, after = graph.outputs.get(name)!;
    const maker = makers.get(after.id);
    if (maker === undefined || !IN_PLACE.has(maker.op) || returned.has(before.id)) return false;
    const ancestors = ancestorsOf(maker, makers);
    return (users.get(before.id) ?? []).every((user) => user === maker || ancestors.has(user));
  }));
}
