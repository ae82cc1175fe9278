/** What becomes of a graph on its way to calls of C, as text. */

import { printLength } from "../graph/length.ts";
import { printNode } from "../graph/print.ts";
import type { CProgram } from "./compile.ts";
import type { FusedKernel, KernelArgument } from "./kernels/parts.ts";
import type { Buffer } from "./plan/arena.ts";
import type { Plan } from "./plan/plan.ts";

/** The units, with the kernel of each and the values that it leaves in memory. */
export function printUnits({ units, kernels, kept }: CProgram): string {
  return units.map((unit) => {
    const kernel = kernels.get(unit);
    const name = kernel ? `kernel ${kernel.index}` : unit.fused ? "computed where used" : "";
    const results = unit.fused ? kept.resultsOf(unit).map(({ id }) => `%${id}`).join(", ") : "";
    const head = unit.fused
      ? `unit of ${printLength(unit.rows)} x ${printLength(unit.columns)}, ${name}${
        results && `, keeps ${results}`
      }`
      : "unit";
    return [head, ...unit.nodes.map((node) => `  ${printNode(node)}`)].join("\n");
  }).join("\n");
}

function printArgument(argument: KernelArgument): string {
  if ("length" in argument) return printLength(argument.length);
  return `%${argument.value.id}${argument.written ? " (written)" : ""}`;
}

/** Lines of C indented by their braces, with the operation that a variable is the result of beside its definition. */
function printBody({ body, operations }: FusedKernel): string {
  let depth = 0;
  return body.split("\n").map((line) => {
    const closing = line.startsWith("}");
    const text = `${"  ".repeat(depth - (closing ? 1 : 0))}${line}`;
    depth += (line.match(/\{/g)?.length ?? 0) - (line.match(/\}/g)?.length ?? 0);
    const [, name] = /^(?:float|int32_t) (\w+) =/.exec(line) ?? [];
    const op = name && operations.get(name);
    return op ? `${text} /* ${op} */` : text;
  }).join("\n");
}

/** The program's own kernels, each once, with the arguments of the first unit that it is of. */
export function printKernels({ kernels }: CProgram): string {
  const first = new Map([...kernels.values()].toReversed().map((each) => [each.index, each]));
  return [...first].toSorted(([a], [b]) => a - b).map(([index, kernel]) => {
    const given = kernel.arguments.map((argument, i) => `a${i} = ${printArgument(argument)}`);
    return `kernel ${index} (${given.join(", ")})\n${printBody(kernel)}`;
  }).join("\n");
}

/** The calls, where their buffers lie, and which of them have the same memory. */
export function printPlan({ calls, arena, results }: Plan): string {
  const names = new Map<Buffer, string>();
  const nameOf = (buffer: Buffer) => {
    const name = names.get(buffer) ?? buffer.external ?? `b${names.size}`;
    if (buffer.external === undefined) names.set(buffer, name);
    return name;
  };
  const lines = calls.map(({ kernel, arguments: given, count }) => {
    const texts = given.map((argument) => {
      if (typeof argument === "number") return String(argument);
      const { buffer, offset } = argument;
      return `[${nameOf(buffer)}${offset ? ` + ${offset}` : ""}]`;
    });
    const name = typeof kernel === "number" ? `kernel ${kernel}` : kernel;
    return `${name} (${texts.join(", ")}) for ${count}`;
  });
  const places = [...names].map(([buffer, name]) => `${name} at ${arena.offsets.get(buffer)}`);
  const returned = [...results].map(([name, { address }]) =>
    `return ${name} = [${nameOf(address.buffer)}]`
  );
  return [...lines, `arena of ${arena.bytes} bytes: ${places.join(", ")}`, ...returned].join("\n");
}
