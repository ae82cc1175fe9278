/** How much memory a graph takes, known before it runs. */

import { sizeOf } from "../../tensor.ts";
import { type Graph, isReshape, type Value } from "../graph/graph.ts";
import { type Bindings, evaluate } from "../graph/length.ts";

function bytesOf({ type, shape }: Value, bindings: Bindings): number {
  const bytes = type === "bool" ? 1 : 4;
  return bytes * sizeOf(shape.map((length) => evaluate(length, bindings)));
}

/** For each value, the one whose memory it is: itself, or what it is a view of. Results have memory of their own. */
function ownersOf({ nodes, outputs: results }: Graph): (value: Value) => number {
  const owners = new Map<number, number>();
  const ownerOf = ({ id }: Value): number => owners.get(id) ?? id;
  const own = new Set([...results.values()].map(({ id }) => id));
  for (const node of nodes) {
    const [operand] = node.inputs, [result] = node.outputs;
    if (isReshape(node) && !own.has(result!.id)) owners.set(result!.id, ownerOf(operand!));
  }
  return ownerOf;
}

/**
 * The most that is alive at once between inputs, constants and results, when the nodes run one after the other, in their
 * order. A value is there from the node that makes it to the last one that needs it, and no operation writes over its
 * operands.
 *
 * @param bindings values for the named lengths
 * @returns bytes
 */
export function peakBytes(graph: Graph, bindings: Bindings): number {
  const ownerOf = ownersOf(graph);
  const constants = graph.constants.map(({ value }) => value);
  const held = new Set(
    [...graph.inputs.values(), ...constants, ...graph.outputs.values()].map(ownerOf),
  );
  const lastUse = new Map<number, number>();
  graph.nodes.forEach(({ inputs, outputs }, index) => {
    for (const value of [...inputs, ...outputs]) lastUse.set(ownerOf(value), index);
  });
  const alive = new Map<number, number>();
  let now = 0, peak = 0;
  graph.nodes.forEach(({ inputs, outputs }, index) => {
    for (const output of outputs) {
      const isOwn = ownerOf(output) === output.id && !held.has(output.id);
      if (!isOwn) continue;
      alive.set(output.id, bytesOf(output, bindings));
      now += alive.get(output.id)!;
    }
    peak = Math.max(peak, now);
    for (const owner of [...inputs, ...outputs].map(ownerOf)) {
      if (lastUse.get(owner) !== index) continue;
      now -= alive.get(owner) ?? 0;
      alive.delete(owner);
    }
  });
  return peak;
}
