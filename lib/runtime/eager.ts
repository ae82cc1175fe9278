/** Programs run op by op on a TensorFlow.js backend: the reference that compiled programs are tested against. */

import * as tf from "@tensorflow/tfjs";
import type { Executable, Program, Runtime } from "../compile/mod.ts";
import type { HostTensor, TensorRecord } from "../tensor.ts";
import { checkFeeds, checkResident, residentNames } from "./feeds.ts";

/**
 * A runtime on a registered TensorFlow.js backend.
 *
 * @param backend the name under which TensorFlow.js knows it
 */
export async function createEagerRuntime(
  backend: string,
  { name, description }: { readonly name: string; readonly description: string },
): Promise<Runtime> {
  tf.enableProdMode(); // Silences a banner of the cpu backend.
  await tf.setBackend(backend);
  await tf.ready();
  return {
    name,
    description,
    prepare: (program) => Promise.resolve(new EagerExecutable(program, backend)),
  };
}

function toTensor({ data, shape, dtype }: HostTensor): tf.Tensor {
  if (dtype !== "float32" && dtype !== "int32") {
    throw new TypeError(`Cannot run on TensorFlow.js: ${dtype} tensors are not supported`);
  }
  // A backend may keep the array it is given, so it gets one of its own.
  return tf.tensor(data.slice(), [...shape], dtype);
}

async function toHost(tensor: tf.Tensor): Promise<HostTensor> {
  const data = await tensor.data();
  return tensor.dtype === "float32"
    ? { dtype: "float32", shape: tensor.shape, data: Float32Array.from(data) }
    : { dtype: "int32", shape: tensor.shape, data: Int32Array.from(data) };
}

class EagerExecutable implements Executable {
  readonly #program: Program;
  readonly #backend: string;
  readonly #state = new Map<string, tf.Tensor>();

  constructor(program: Program, backend: string) {
    this.#program = program;
    this.#backend = backend;
  }

  write(tensors: TensorRecord): void {
    checkResident(this.#program, tensors);
    tf.setBackend(this.#backend);
    for (const [name, tensor] of Object.entries(tensors)) {
      this.#state.get(name)?.dispose();
      this.#state.set(name, toTensor(tensor));
    }
  }

  async run(feeds: TensorRecord): Promise<TensorRecord> {
    checkFeeds(this.#program, feeds);
    for (const name of residentNames(this.#program)) {
      if (!this.#state.has(name)) {
        throw new RangeError(`Cannot run "${this.#program.name}": "${name}" was never set`);
      }
    }
    await tf.setBackend(this.#backend);
    const results = tf.tidy(() => {
      const fed = Object.entries(feeds).map(([name, tensor]) => [name, toTensor(tensor)]);
      return this.#program.run({ ...Object.fromEntries(this.#state), ...Object.fromEntries(fed) });
    });
    const reported: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(results)) {
      if (this.#program.carried.includes(name)) {
        if (this.#state.get(name) !== tensor) this.#state.get(name)!.dispose();
        this.#state.set(name, tensor);
      } else {
        reported[name] = await toHost(tensor);
        tensor.dispose();
      }
    }
    return reported;
  }

  async read(): Promise<TensorRecord> {
    const carried = [...this.#state].filter(([name]) => this.#program.carried.includes(name));
    const entries = carried.map(async ([name, tensor]) => [name, await toHost(tensor)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  dispose(): void {
    for (const tensor of this.#state.values()) tensor.dispose();
    this.#state.clear();
  }
}
