/** The graph that every pass and every target works on: typed values, nodes and constants, immutable. */
import type { HostTensor } from "../../tensor.ts";
import { type Bindings, evaluate, type Length } from "./length.ts";
import { type Attributes, is, type Op, type OpThat, type ValueType } from "./operations.ts";

/** Something computed, fed or constant. */
export interface Value {
  readonly id: number;
  readonly type: ValueType;
  readonly shape: readonly Length[];
}

/** A call of an operation; a type of its own for each operation, discriminated by `op`. */
export type Node<O extends Op = Op, V = Value, L = Length> = O extends Op ? {
    readonly op: O;
    readonly inputs: readonly V[];
    readonly attributes: Attributes<L>[O];
    readonly outputs: readonly V[];
    /** It computes a second time, later, what another node has. */
    readonly again?: true;
  }
  : never;

/** Values of a constant; booleans are kept as int32. */
export type ConstantData = Extract<HostTensor, { dtype: "float32" | "int32" }>;

/** A constant tensor, or a scalar that is a length. */
export interface Constant {
  /** What it is called in a model file; other constants get a name of no meaning. */
  readonly name?: string;
  readonly value: Value;
  readonly data: ConstantData | { readonly length: Length };
}

/** A traced program: nodes in an order that computes every value before its use. */
export interface Graph {
  readonly name: string;
  /** The named lengths. */
  readonly lengths: readonly string[];
  readonly inputs: ReadonlyMap<string, Value>;
  readonly constants: readonly Constant[];
  readonly nodes: readonly Node[];
  readonly outputs: ReadonlyMap<string, Value>;
}

/** The attributes of a node with numbers for all lengths. */
export function attributesAt<O extends Op>(
  node: Node<O>,
  bindings: Bindings,
): Attributes<number>[O] {
  const bind = (attribute: unknown): unknown => {
    if (Array.isArray(attribute)) return attribute.map(bind);
    return attribute instanceof Map ? evaluate(attribute, bindings) : attribute;
  };
  return Object.fromEntries(
    Object.entries(node.attributes).map(([name, attribute]) => [name, bind(attribute)]),
  ) as Attributes<number>[O];
}

/** Whether a node hands on the bytes of its operand under another shape. */
export function isReshape(node: Node): node is Node<OpThat<"reshapes">> {
  return is(node.op, "reshapes");
}

/** Whether a node takes axes together. */
export function isReduction(node: Node): node is Node<OpThat<"reduces">> {
  return is(node.op, "reduces");
}

/** Whether a node works element by element. */
export function isElementwise(node: Node): node is Node<OpThat<"elementwise">> {
  return is(node.op, "elementwise");
}

/** The nodes that make each value, by its number. */
export function makersOf({ nodes }: Graph): ReadonlyMap<number, Node> {
  return new Map(nodes.flatMap((node) => node.outputs.map(({ id }) => [id, node] as const)));
}

/** The first number that no value of a graph has, nor any larger one. */
export function nextValueId({ inputs, constants, nodes }: Graph): number {
  const values = [
    ...inputs.values(),
    ...constants.map(({ value }) => value),
    ...nodes.flatMap(({ outputs }) => outputs),
  ];
  return 1 + values.reduce((largest, { id }) => Math.max(largest, id), -1);
}
