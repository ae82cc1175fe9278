/** Merges recordings at several sizes into one graph with symbolic lengths. */
import { sizeOf } from "../../tensor.ts";
import type { Constant, Graph, Node, Value } from "../graph/graph.ts";
import { type Bindings, fitLength, type Length, samplePoints } from "../graph/length.ts";
import type { Program } from "../program.ts";
import { record, type Recording, type TracedValue } from "./tracer.ts";

/** The named lengths of a program, in the order in which they appear. */
function namesOf(program: Program): string[] {
  const shapes = Object.values(program.inputs).flatMap(({ shape }) => shape);
  return [...new Set(shapes.filter((extent) => typeof extent === "string"))];
}

/**
 * Traces a program into a graph that serves every value of its named lengths. The program is recorded at a few
 * sample sizes; wherever the recordings differ they must differ by numbers that follow the named lengths.
 *
 * @throws {TypeError} an unknown kernel, a value read inside, or a structure that changes with a length
 */
export function traceProgram(program: Program): Graph {
  const names = namesOf(program);
  const points = samplePoints(names);
  const recordings = points.map((point) => record(program, point));
  return new Unifier(program.name, names, points, recordings).graph();
}

class Unifier {
  readonly #name: string;
  readonly #names: readonly string[];
  readonly #points: readonly Bindings[];
  readonly #recordings: readonly Recording[];
  readonly #values = new Map<number, Value>();

  constructor(
    name: string,
    names: readonly string[],
    points: readonly Bindings[],
    recordings: readonly Recording[],
  ) {
    this.#name = name;
    this.#names = names;
    this.#points = points;
    this.#recordings = recordings;
  }

  graph(): Graph {
    const [first] = this.#recordings as [Recording];
    if (this.#recordings.some(({ nodes }) => nodes.length !== first.nodes.length)) {
      this.#refuse("the number of operations changes with a length");
    }
    const inputs = new Map(
      [...first.inputs.keys()].map((name) => [
        name,
        this.#value(this.#recordings.map((r) => r.inputs.get(name)!), `input "${name}"`),
      ]),
    );
    const nodes: Node[] = [];
    const constants = first.constants.flatMap((_, i) => this.#constant(i, nodes));
    for (let i = 0; i < first.nodes.length; i++) nodes.push(this.#node(i));
    const outputs = new Map(
      [...first.outputs].map(([name, { id }]) => [name, this.#values.get(id)!]),
    );
    return { name: this.#name, lengths: this.#names, inputs, constants, nodes, outputs };
  }

  #refuse(what: string): never {
    throw new TypeError(
      `Cannot compile "${this.#name}" for every ${this.#names.join(", ")}: ${what}`,
    );
  }

  #length(numbers: readonly number[], where: string): Length {
    return fitLength(numbers, this.#names, this.#points) ??
      this.#refuse(`${where} takes the values ${numbers.join(", ")}, which follow no length`);
  }

  #value(versions: readonly TracedValue[], where: string): Value {
    const [{ id, type, shape }] = versions as [TracedValue];
    const value = {
      id,
      type,
      shape: shape.map((_, axis) =>
        this.#length(versions.map((v) => v.shape[axis]!), `axis ${axis} of ${where}`)
      ),
    };
    this.#values.set(id, value);
    return value;
  }

  /** A constant keeps its data; one whose size follows a length must be uniform and becomes a fill. */
  #constant(index: number, nodes: Node[]): Constant[] {
    const versions = this.#recordings.map(({ constants }) => constants[index]!);
    const where = `constant ${index}`;
    const value = this.#value(versions.map((version) => version.value), where);
    const [{ data }] = versions as [Recording["constants"][number]];
    const firsts = versions.map((version) => Number(version.data.data[0]));
    if (value.shape.every((extent) => typeof extent === "number")) {
      if (sizeOf(data.shape) === 1) {
        const length = this.#length(firsts, where);
        return [{ value, data: typeof length === "number" ? data : { length } }];
      }
      const same = versions.every((version) =>
        version.data.data.every((x, i) => Object.is(x, data.data[i]))
      );
      if (!same) this.#refuse(`${where} has values that change with a length`);
      return [{ value, data }];
    }
    const uniform = versions.every((version) =>
      version.data.data.every((x) => Number(x) === firsts[0])
    );
    if (!uniform) this.#refuse(`${where} changes size with a length and is not uniform`);
    const attributes = { shape: value.shape, value: firsts[0]!, type: value.type };
    nodes.push({ op: "Fill", inputs: [], attributes, outputs: [value] });
    return [];
  }

  #node(index: number): Node {
    const versions = this.#recordings.map(({ nodes }) => nodes[index]!);
    const [first] = versions as [Recording["nodes"][number]];
    const where = `${first.op} (operation ${index})`;
    const inputIds = first.inputs.map(({ id }) => id).join();
    for (const { op, inputs } of versions) {
      if (op !== first.op || inputs.map(({ id }) => id).join() !== inputIds) {
        this.#refuse(`${where} is another operation at another length`);
      }
    }
    const attributes = Object.fromEntries(
      Object.keys(first.attributes).map((name) => {
        const each = versions.map((v) => (v.attributes as Readonly<Record<string, unknown>>)[name]);
        return [name, this.#attribute(each, `${name} of ${where}`)];
      }),
    );
    return {
      op: first.op,
      inputs: first.inputs.map(({ id }) => this.#values.get(id)!),
      attributes,
      outputs: first.outputs.map((_, i) => this.#value(versions.map((v) => v.outputs[i]!), where)),
    } as Node;
  }

  /** An attribute whose numbers follow the lengths; what is no number must be the same in all versions. */
  #attribute(versions: readonly unknown[], where: string): unknown {
    const [first] = versions;
    if (Array.isArray(first)) {
      return first.map((_, i) =>
        this.#attribute(versions.map((version) => (version as readonly unknown[])[i]), where)
      );
    }
    if (typeof first === "number") return this.#length(versions as number[], where);
    if (versions.some((version) => version !== first)) {
      this.#refuse(`${where} changes with a length`);
    }
    return first;
  }
}
