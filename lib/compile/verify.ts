import { FUSED } from "./fuse.ts";
import type { Attribute, Graph, Value } from "./graph.ts";
import { printNode } from "./graph.ts";
import { KERNELS, type Plain } from "./kernels.ts";
import { type Bindings, evaluate, type Length, samplePoints } from "./length.ts";

function plain(attribute: Attribute, bindings: Bindings): Plain {
  if (Array.isArray(attribute)) return attribute.map((inner) => plain(inner, bindings));
  if (attribute instanceof Map) return evaluate(attribute, bindings);
  return attribute as Plain;
}

function shapeAt(value: Value, bindings: Bindings): number[] {
  return value.shape.map((extent: Length) => evaluate(extent, bindings));
}

/**
 * Checks that a graph is valid: every operation known, every value computed once and before its use, and every
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
    const kernel = KERNELS[node.op] ?? FUSED[node.op];
    if (kernel === undefined) {
      throw new TypeError(`Cannot use graph "${graph.name}": unknown operation "${node.op}" ${at}`);
    }
    for (const { id } of node.inputs) {
      if (!known.has(id)) {
        throw new TypeError(
          `Cannot use graph "${graph.name}": %${id} is used before it is made ${at}`,
        );
      }
    }
    for (const point of points) {
      const operands = node.inputs.map((v) => ({ type: v.type, shape: shapeAt(v, point) }));
      const attributes = Object.fromEntries(
        Object.entries(node.attributes).map(([name, value]) => [name, plain(value, point)]),
      );
      const results = kernel.infer(operands, attributes);
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
