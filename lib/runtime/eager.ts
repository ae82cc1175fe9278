/** Programs run op by op on a TensorFlow.js backend: the reference that compiled programs are tested against. */

import * as tf from "@tensorflow/tfjs";
import {
  type Executable,
  type Program,
  residentNames,
  type Runtime,
  type Store,
} from "../compile/mod.ts";
import { type HostTensor, sizeOf, type TensorRecord } from "../tensor.ts";
import { checkFeeds } from "./feeds.ts";
import { checkWritten, expectSet, type HeldStore, holdStore } from "./store.ts";

/**
 * A runtime on a registered TensorFlow.js backend.
 *
 * @param backend its name in TensorFlow.js
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
    slots: 1,
    store: (specs) => new EagerStore(specs, backend),
    // deno-lint-ignore require-await
    async prepare(program, options = {}) {
      const held = holdStore(program, options, (specs) => new EagerStore(specs, backend));
      return new EagerExecutable(program, { backend, held });
    },
  };
}

function toTensor({ data, shape, dtype }: HostTensor): tf.Tensor {
  if (dtype !== "float32" && dtype !== "int32") {
    throw new TypeError(`Cannot run on TensorFlow.js: ${dtype} tensors are not supported`);
  }
  // A backend may keep the array, so it gets a copy.
  return tf.tensor(data.slice(), [...shape], dtype);
}

async function toHost(tensor: tf.Tensor): Promise<HostTensor> {
  const data = await tensor.data();
  return tensor.dtype === "float32"
    ? { dtype: "float32", shape: tensor.shape, data: Float32Array.from(data) }
    : { dtype: "int32", shape: tensor.shape, data: Int32Array.from(data) };
}

/** Tensors of a backend that stay. */
class EagerStore implements Store {
  readonly device: string;
  readonly specs: Store["specs"];
  readonly bytes: number;
  readonly #tensors = new Map<string, tf.Tensor>();

  constructor(specs: Store["specs"], backend: string) {
    this.specs = specs;
    this.device = backend;
    this.bytes = Object.values(specs)
      .reduce((sum, { shape }) => sum + 4 * sizeOf(shape as number[]), 0);
  }

  get(name: string): tf.Tensor | undefined {
    return this.#tensors.get(name);
  }

  /** Replaces a tensor and disposes the former one. */
  replace(name: string, tensor: tf.Tensor): void {
    const former = this.#tensors.get(name);
    if (former !== tensor) former?.dispose();
    this.#tensors.set(name, tensor);
  }

  write(tensors: TensorRecord): void {
    checkWritten(this.specs, tensors);
    tf.setBackend(this.device);
    for (const [name, tensor] of Object.entries(tensors)) this.replace(name, toTensor(tensor));
  }

  async read(names: readonly string[] = Object.keys(this.specs)): Promise<TensorRecord> {
    const entries = names.map(async (name) =>
      [name, await toHost(this.#tensors.get(name)!)] as const
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}

class EagerExecutable implements Executable {
  readonly store: EagerStore;
  readonly #held: HeldStore<EagerStore>;
  readonly #program: Program;
  readonly #backend: string;

  constructor(
    program: Program,
    { backend, held }: { readonly backend: string; readonly held: HeldStore<EagerStore> },
  ) {
    this.#program = program;
    this.#backend = backend;
    this.#held = held;
    this.store = held.store;
  }

  /** Nothing can be reserved, and the need is unknown. */
  reserve(): undefined {}

  async run(feeds: TensorRecord): Promise<TensorRecord> {
    checkFeeds(this.#program, feeds);
    expectSet(this.#program, (name) => this.store.get(this.#held.nameOf(name)) !== undefined);
    await tf.setBackend(this.#backend);
    const results = tf.tidy(() => {
      const fed = Object.entries(feeds).map(([name, tensor]) => [name, toTensor(tensor)]);
      const resident = residentNames(this.#program).map((name) => [
        name,
        this.store.get(this.#held.nameOf(name))!,
      ]);
      return this.#program.run({ ...Object.fromEntries(resident), ...Object.fromEntries(fed) });
    });
    const reported: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(results)) {
      if (this.#program.carried.includes(name)) {
        this.store.replace(this.#held.nameOf(name), tensor);
      } else {
        reported[name] = await toHost(tensor);
        tensor.dispose();
      }
    }
    return reported;
  }

  dispose(): void {
    this.#held.release();
  }
}
