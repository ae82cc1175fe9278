/** Graphs as text. */

import type { Constant, Graph, Node, Value } from "./graph.ts";
import { type Length, printLength } from "./length.ts";

function printShape(shape: readonly Length[]): string {
  return `[${shape.map(printLength).join(", ")}]`;
}

function printValue({ id, type, shape }: Value): string {
  return `%${id}: ${type}${printShape(shape)}`;
}

function printAttribute(attribute: unknown): string {
  if (Array.isArray(attribute)) return `[${attribute.map(printAttribute).join(", ")}]`;
  if (attribute instanceof Map) return printLength(attribute);
  return String(attribute);
}

function printConstant({ value, data }: Constant): string {
  if ("length" in data) return `${printValue(value)} = length ${printLength(data.length)}`;
  const shown = Array.from(data.data.slice(0, 4), String).join(", ");
  return `${printValue(value)} = constant ${shown}${data.data.length > 4 ? ", ..." : ""}`;
}

/** The text of one node: `%3: float32[4, 8] = Add %1 %2`. */
export function printNode({ op, inputs, attributes, outputs, again }: Node): string {
  const settings = Object.entries(attributes)
    .map(([name, attribute]) => `${name}=${printAttribute(attribute)}`);
  const tail = settings.length ? ` {${settings.join(", ")}}` : "";
  const operands = inputs.map(({ id }) => ` %${id}`).join("");
  return `${outputs.map(printValue).join(", ")} = ${op}${operands}${tail}${again ? " again" : ""}`;
}

/** The whole graph as text, one line per value; tests compare it and people read it. */
export function printGraph(graph: Graph): string {
  return [
    `program ${graph.name}${graph.lengths.length ? ` (${graph.lengths.join(", ")})` : ""}`,
    ...[...graph.inputs].map(([name, value]) => `  ${printValue(value)} = input ${name}`),
    ...graph.constants.map((constant) => `  ${printConstant(constant)}`),
    ...graph.nodes.map((node) => `  ${printNode(node)}`),
    ...[...graph.outputs].map(([name, { id }]) => `  return ${name} = %${id}`),
  ].join("\n");
}
