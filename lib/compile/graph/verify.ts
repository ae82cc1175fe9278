/** Validation of graphs: operand counts, order of definitions, and shapes by the rules of the operations. */
import { attributesAt, type Graph, type Value } from "./graph.ts";
import { type Bindings, evaluate, type Length, samplePoints } from "./length.ts";
import { printNode } from "./print.ts";
import { SHAPE_RULES, type ShapeRule } from "./shapes.ts";

function shapeAt(value: Value, bindings: Bindings): number[] {
  return value.shape.map((extent: Length) => evaluate(extent, bindings));
}

/** The least and the most operands of an operation. */
function countsOf({ operands }: ShapeRule<unknown>): readonly [least: number, most: number] {
  return typeof operands === "number" ? [operands, operands] : operands;
}

/**
 * Checks that a graph is valid: every operation known and given its operands, every value computed once and before its use, and every
 * shape and type the one that the operation's rule gives, at several sizes of the named lengths.
 *
 * @throws {TypeError} naming the first node that is wrong
 */
export function verifyGraph(graph: Graph): void {
  const known = new Set<number>();
  function define({ id }: Value, where: string): void {
    if (known.has(id)) {
      throw new TypeError(`Cannot use graph "${graph.name}": %${id} is made twice, ${where}`);
    }
    known.add(id);
  }
  for (const [name, value] of graph.inputs) define(value, `as input "${name}"`);
  for (const { value } of graph.constants) define(value, "as a constant");
  const points = samplePoints(graph.lengths);
  for (const node of graph.nodes) {
    const at = `in "${printNode(node)}"`;
    const rule = SHAPE_RULES[node.op] as ShapeRule<unknown> | undefined;
    if (rule === undefined) {
      throw new TypeError(`Cannot use graph "${graph.name}": unknown operation "${node.op}" ${at}`);
    }
    for (const { id } of node.inputs) {
      if (!known.has(id)) {
        throw new TypeError(
          `Cannot use graph "${graph.name}": %${id} is used before it is made ${at}`,
        );
      }
    }
    const [least, most] = countsOf(rule), count = node.inputs.length;
    if (count < least || count > most) {
      throw new TypeError(
        `Cannot use graph "${graph.name}": expected ${
          least === most ? least : `${least} to ${most}`
        } ` +
          `operands, got ${count} ${at}`,
      );
    }
    for (const point of points) {
      const operands = node.inputs.map((v) => ({ type: v.type, shape: shapeAt(v, point) }));
      const results = rule.infer(operands, attributesAt(node, point));
      node.outputs.forEach((output, i) => {
        const wanted = results[i], got = shapeAt(output, point).join(", ");
        if (wanted?.type !== output.type || wanted.shape.join(", ") !== got) {
          throw new TypeError(
            `Cannot use graph "${graph.name}": expected ${wanted?.type}[${
              wanted?.shape.join(", ")
            }], ` +
              `got ${output.type}[${got}] ${at}`,
          );
        }
      });
    }
    for (const output of node.outputs) define(output, at);
  }
  for (const [name, { id }] of graph.outputs) {
    if (!known.has(id)) {
      throw new TypeError(
        `Cannot use graph "${graph.name}": result "${name}" (%${id}) is never made`,
      );
    }
  }
}
