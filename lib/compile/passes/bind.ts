/** Turns inputs with fixed values into constants. */
import type { FloatTensor } from "../../tensor.ts";
import type { Constant, Graph } from "../graph/graph.ts";

/**
 * Makes constants of inputs: what was fed on every run, such as the weights of a finished network, becomes part of the
 * graph under the same name.
 *
 * @param tensors values by input name; they are not copied
 * @throws {RangeError} the graph has no such input, or of another shape
 */
export function bindInputs(graph: Graph, tensors: Readonly<Record<string, FloatTensor>>): Graph {
  const bound = Object.entries(tensors).map(([name, data]): Constant => {
    const value = graph.inputs.get(name);
    if (value?.type !== "float32" || value.shape.join() !== data.shape.join()) {
      const input = value === undefined ? "none" : `${value.type} [${value.shape.join(" ")}]`;
      throw new RangeError(
        `Cannot bind "${name}" of "${graph.name}" to float32 [${data.shape.join(" ")}]: ` +
          `the input of that name is ${input}`,
      );
    }
    return { name, value, data };
  });
  const inputs = new Map([...graph.inputs].filter(([name]) => !Object.hasOwn(tensors, name)));
  return { ...graph, inputs, constants: [...bound, ...graph.constants] };
}
