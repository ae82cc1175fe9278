/** Lowers a graph to an ONNX model: the builder of its nodes, and how named lengths are computed in it. */
import type {
  OnnxAttribute,
  OnnxModel,
  OnnxNode,
  OnnxType,
  OnnxValue,
} from "../../formats/onnx.ts";
import type { HostTensor } from "../../tensor.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { type Length, printLength } from "../graph/length.ts";

/** The operators that may appear. */
export interface OnnxDialect {
  /** Only standard operators, for files that other tools read; else ONNX Runtime's own fused ones too. */
  readonly portable: boolean;
}

/** Version 17 is the newest that every common reader has; it brings LayerNormalization. */
const STANDARD_OPSET = 17;

/** The domain of ONNX Runtime's own operators. */
export const MICROSOFT = "com.microsoft";

/** Collects the nodes of a model while a graph is lowered. */
export class ModelBuilder {
  readonly portable: boolean;
  readonly #graph: Graph;
  readonly #nodes: OnnxNode[] = [];
  readonly #constants = new Map<string, HostTensor>();
  readonly #lengths = new Map<string, string>();
  readonly #names = new Map<number, string>();
  #fresh = 0;

  constructor(graph: Graph, { portable }: OnnxDialect) {
    this.#graph = graph;
    this.portable = portable;
    for (const [name, { id }] of graph.inputs) this.#names.set(id, name);
    for (const { name, value, data } of graph.constants) {
      if (name !== undefined) this.#names.set(value.id, name);
      if ("length" in data) this.#names.set(value.id, this.#lengthAsValue(data.length, value));
      else this.#constants.set(this.name(value), data);
    }
  }

  /** The ONNX name of a value. */
  name({ id }: Value): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const name = `v${id}`;
    this.#names.set(id, name);
    return name;
  }

  /** Adds an operator and returns the name of its result. */
  add(
    op: string,
    inputs: readonly string[],
    { output = this.#newName(), attributes = {}, domain = "" }: {
      readonly output?: string;
      readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
      readonly domain?: string;
    } = {},
  ): string {
    this.#nodes.push({ op, domain, inputs, outputs: [output], attributes });
    return output;
  }

  /** Adds an operator with several results; an empty name skips one. */
  addNode(node: OnnxNode): void {
    this.#nodes.push(node);
  }

  #newName(): string {
    return `t${this.#fresh++}`;
  }

  /** The name of a constant; equal constants share one. */
  constant(tensor: HostTensor): string {
    const name = `${tensor.dtype}[${tensor.shape}] ${tensor.data.join(" ")}`;
    this.#constants.set(name, tensor);
    return name;
  }

  /** A float32 scalar constant. */
  scalar(value: number): string {
    return this.constant({ dtype: "float32", shape: [], data: Float32Array.of(value) });
  }

  /** An int64 vector constant. */
  integers(values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.constant({ dtype: "int64", shape: [values.length], data });
  }

  /** A length as an int64 vector of one element, computed from the shape of an input when it has names. */
  length(length: Length): string {
    if (typeof length === "number") return this.integers([length]);
    const text = printLength(length);
    const known = this.#lengths.get(text);
    if (known !== undefined) return known;
    const terms = [...length].map(([product, coefficient]) => {
      if (product === "") return this.integers([coefficient]);
      const value = product.split(" ").map((name) => this.#namedLength(name))
        .reduce((left, right) => this.add("Mul", [left, right]));
      return coefficient === 1 ? value : this.add("Mul", [value, this.integers([coefficient])]);
    });
    const name = terms.reduce((left, right) => this.add("Add", [left, right]));
    this.#lengths.set(text, name);
    return name;
  }

  #namedLength(name: string): string {
    const known = this.#lengths.get(name);
    if (known !== undefined) return known;
    for (const [input, { shape }] of this.#graph.inputs) {
      const axis = shape.findIndex((extent) => printLength(extent) === name);
      if (axis < 0) continue;
      const length = this.add("Shape", [input], { attributes: { start: axis, end: axis + 1 } });
      this.#lengths.set(name, length);
      return length;
    }
    throw new TypeError(`Cannot emit "${this.#graph.name}": no input has an axis "${name}"`);
  }

  #lengthAsValue(length: Length, { type, shape }: Value): string {
    const code = type === "float32" ? 1 : 6;
    const cast = this.add("Cast", [this.length(length)], { attributes: { to: code } });
    return this.add("Reshape", [cast, this.integers(shape as number[])]);
  }

  /** Several lengths as one int64 vector. */
  lengths(lengths: readonly Length[]): string {
    if (lengths.every((length) => typeof length === "number")) return this.integers(lengths);
    return this.add("Concat", lengths.map((length) => this.length(length)), {
      attributes: { axis: 0 },
    });
  }

  /** The target of a reshape; a single unknown length is left to the operator. */
  reshapeTarget(shape: readonly Length[]): string {
    const unknown = shape.filter((length) => typeof length !== "number").length;
    if (unknown !== 1) return this.lengths(shape);
    return this.integers(shape.map((length) => typeof length === "number" ? length : -1));
  }

  /** The finished model. */
  finish(): OnnxModel {
    const results = new Map<string, Value>();
    const renamed = new Map<string, string>();
    const fed = new Set([...this.#graph.inputs.values()].map(({ id }) => id));
    for (const [name, value] of this.#graph.outputs) {
      const output = fed.has(value.id) || this.#graph.inputs.has(name) ? `${name}.next` : name;
      // A value that is an input, a constant or returned twice needs a copy under the result's name.
      const source = this.name(value);
      if (fed.has(value.id) || this.#constants.has(source) || renamed.has(source)) {
        this.add("Identity", [renamed.get(source) ?? source], { output });
      } else renamed.set(source, output);
      results.set(output, value);
    }
    const rename = (name: string) => renamed.get(name) ?? name;
    return {
      name: this.#graph.name,
      opsets: this.portable ? { "": STANDARD_OPSET } : { "": STANDARD_OPSET, [MICROSOFT]: 1 },
      inputs: [...this.#graph.inputs].map(([name, value]) => describe(name, value)),
      outputs: [...results].map(([name, value]) => describe(name, value)),
      nodes: this.#nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
      })),
      constants: this.#constants,
    };
  }
}

function describe(name: string, { type, shape }: Value): OnnxValue {
  return {
    name,
    type: type as OnnxType,
    shape: shape.map((length) => typeof length === "number" ? length : printLength(length)),
  };
}
