/**
 * Records one run of a program on a TensorFlow.js backend that computes nothing: every kernel call, forward, gradient
 * and update alike, becomes a node. Lengths are numbers here; `unify.ts` makes them symbolic.
 */

import * as tf from "@tensorflow/tfjs";
import { type GivenAttributes, type Kernel, type KernelName, KERNELS } from "./kernels.ts";
import { type Operand, SHAPE_RULES, type ShapeRule } from "../graph/shapes.ts";
import type { ConstantData, Node } from "../graph/graph.ts";
import type { Bindings } from "../graph/length.ts";
import type { Op } from "../graph/operations.ts";
import type { Program, Tensors } from "../program.ts";

/** A value of a recording: its shape has plain numbers. */
export interface TracedValue extends Operand {
  readonly id: number;
}

/** One recorded kernel call. */
export type TracedNode = Node<Op, TracedValue, number>;

/** Everything that one run did. */
export interface Recording {
  readonly inputs: ReadonlyMap<string, TracedValue>;
  readonly constants: readonly { readonly value: TracedValue; readonly data: ConstantData }[];
  readonly nodes: readonly TracedNode[];
  readonly outputs: ReadonlyMap<string, TracedValue>;
}

const BACKEND = "trace";

type Write = Parameters<tf.KernelBackend["write"]>;

/** The backend: its data are values, and reading one is an error. */
class TraceBackend extends tf.KernelBackend {
  readonly #values = new WeakMap<object, TracedValue>();
  readonly #references = new WeakMap<object, number>();
  readonly #makers = new Map<number, string>();
  readonly constants: { value: TracedValue; data: ConstantData }[] = [];
  readonly nodes: TracedNode[] = [];
  program = "";
  #count = 0;

  /** Starts a new recording. */
  begin(program: string): void {
    this.program = program;
    this.#count = 0;
    this.#makers.clear();
    this.constants.length = 0;
    this.nodes.length = 0;
  }

  #newValue(operand: Operand, maker: string): TracedValue {
    const value = { id: this.#count++, type: operand.type, shape: [...operand.shape] };
    this.#makers.set(value.id, maker);
    return value;
  }

  /** A fresh piece of data that stands for a value. */
  hold(value: TracedValue): object {
    const dataId = {};
    this.#values.set(dataId, value);
    this.#references.set(dataId, 1);
    return dataId;
  }

  lookup(dataId: object): TracedValue {
    const value = this.#values.get(dataId);
    if (value === undefined) {
      throw new TypeError(
        `Cannot trace "${this.program}": it uses a tensor that was made outside of it, ` +
          `pass that tensor as an input`,
      );
    }
    return value;
  }

  /** An input of the program, as a tensor. */
  input(name: string, operand: Operand): tf.Tensor {
    const value = this.#newValue(operand, `input "${name}"`);
    return tf.engine().makeTensorFromTensorInfo({
      dataId: this.hold(value),
      shape: [...operand.shape],
      dtype: operand.type,
    });
  }

  /** Records a kernel call and returns what it makes. */
  record(
    op: KernelName,
    inputs: tf.NamedTensorInfoMap,
    given: object,
  ): tf.TensorInfo | tf.TensorInfo[] {
    const kernel = KERNELS[op] as Kernel<unknown>,
      { infer } = SHAPE_RULES[op] as ShapeRule<unknown>;
    const infos = kernel.operands === "list"
      ? Object.values(inputs)
      : kernel.operands.map((name) => inputs[name]!);
    const operands = infos.map((info) => this.lookup(info!.dataId));
    try {
      const attributes = kernel.attributes(given as GivenAttributes, operands);
      const outputs = infer(operands, attributes).map((result) => this.#newValue(result, op));
      this.nodes.push({ op, inputs: operands, attributes, outputs } as TracedNode);
      const made = outputs.map((value): tf.TensorInfo => ({
        dataId: this.hold(value),
        shape: [...value.shape],
        dtype: value.type,
      }));
      // TensorFlow.js takes an array only from kernels with several results.
      return made.length === 1 ? made[0]! : made;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`Cannot trace "${this.program}": ${op}: ${error.message}`);
    }
  }

  override write(values: Write[0], shape: Write[1], dtype: Write[2]): object {
    if (dtype !== "float32" && dtype !== "int32" && dtype !== "bool") {
      throw new TypeError(`Cannot trace "${this.program}": a ${dtype} constant is not supported`);
    }
    const value = this.#newValue({ type: dtype, shape }, "constant");
    const numbers = values as ArrayLike<number>;
    const data: ConstantData = dtype === "float32"
      ? { dtype, shape: value.shape, data: Float32Array.from(numbers) }
      : { dtype: "int32", shape: value.shape, data: Int32Array.from(numbers) };
    this.constants.push({ value, data });
    return this.hold(value);
  }

  #refuseReading(dataId: object): never {
    const { id } = this.lookup(dataId);
    throw new TypeError(
      `Cannot trace "${this.program}": the value of ${
        this.#makers.get(id)
      } (%${id}) is read inside the ` +
        `program, return it as a result instead`,
    );
  }

  override readSync(dataId: object): never {
    return this.#refuseReading(dataId);
  }

  // deno-lint-ignore require-await
  override async read(dataId: object): Promise<never> {
    return this.#refuseReading(dataId);
  }

  override incRef(dataId: object): void {
    this.#references.set(dataId, this.refCount(dataId) + 1);
  }

  override refCount(dataId: object): number {
    return this.#references.get(dataId) ?? 0;
  }

  override disposeData(dataId: object): boolean {
    const left = this.refCount(dataId) - 1;
    this.#references.set(dataId, left);
    return left <= 0;
  }

  override numDataIds(): number {
    return 0;
  }

  override memory() {
    return { unreliable: true };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {}
}

let backend: TraceBackend | undefined;

function install(): TraceBackend {
  if (backend !== undefined) return backend;
  const recorder = backend = new TraceBackend();
  tf.registerBackend(BACKEND, () => recorder);
  for (const op of Object.keys(KERNELS) as KernelName[]) {
    tf.registerKernel({
      kernelName: op,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs }) => recorder.record(op, inputs, attrs ?? {}),
    });
  }
  tf.registerKernel({
    kernelName: "Identity",
    backendName: BACKEND,
    kernelFunc: ({ inputs: { x } }) => ({
      dataId: recorder.hold(recorder.lookup(x!.dataId)),
      shape: x!.shape,
      dtype: x!.dtype,
    }),
  });
  for (const { kernelName } of tf.getKernelsForBackend("cpu")) {
    if (kernelName in KERNELS || kernelName === "Identity") continue;
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: () => {
        throw new TypeError(
          `Cannot trace "${recorder.program}": kernel "${kernelName}" has no rule yet, add one to lib/compile/kernels.ts ` +
            `or write the function with other ops`,
        );
      },
    });
  }
  return recorder;
}

/** The shape of an input with its named lengths bound. */
function bind(shape: readonly (number | string)[], bindings: Bindings): number[] {
  return shape.map((extent) => typeof extent === "number" ? extent : bindings[extent]!);
}

/**
 * Runs a program once without computing anything and records it.
 *
 * @param bindings values for the program's named lengths
 * @throws {TypeError} an unknown kernel, a value that is read, a tensor from outside: the text names it
 */
export function record(program: Program, bindings: Bindings): Recording {
  const recorder = install();
  const previous = tf.getBackend();
  tf.setBackend(BACKEND);
  recorder.begin(program.name);
  try {
    return tf.tidy(() => {
      const tensors: Record<string, tf.Tensor> = {};
      for (const [name, { dtype, shape }] of Object.entries(program.inputs)) {
        tensors[name] = recorder.input(name, { type: dtype, shape: bind(shape, bindings) });
      }
      const inputs = lookupAll(recorder, tensors);
      const outputs = lookupAll(recorder, program.run(tensors));
      return {
        inputs,
        constants: [...recorder.constants],
        nodes: [...recorder.nodes],
        outputs,
      } satisfies Recording as unknown as tf.TensorContainer;
    }) as unknown as Recording;
  } finally {
    tf.setBackend(previous || "cpu");
  }
}

function lookupAll(recorder: TraceBackend, tensors: Tensors): Map<string, TracedValue> {
  return new Map(
    Object.entries(tensors).map(([name, tensor]) => [name, recorder.lookup(tensor.dataId)]),
  );
}
