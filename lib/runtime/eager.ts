/** Programs run op by op on a TensorFlow.js backend: the reference that compiled programs are tested against. */

import * as tf from "@tensorflow/tfjs";
import { type Executable, type Program, residentNames, type Runtime } from "../compile/mod.ts";
import type { HostTensor, TensorRecord } from "../tensor.ts";
import { checkFeeds, checkResident } from "./feeds.ts";
import { expectSet } from "./residents.ts";

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
    threads: 1,
    prepare(program, { sharing, sharedName = (name: string) => name } = {}) {
      const state = (sharing as EagerExecutable | undefined)?.state ?? new EagerState();
      return Promise.resolve(new EagerExecutable(program, { backend, state, nameOf: sharedName }));
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

/** Tensors that stay in the runtime, for one executable or for several that share them. */
class EagerState extends Map<string, tf.Tensor> {
  users = 0;

  /** Replaces a tensor and disposes the former one. */
  replace(name: string, tensor: tf.Tensor): void {
    const former = this.get(name);
    if (former !== tensor) former?.dispose();
    this.set(name, tensor);
  }

  release(): void {
    if (--this.users > 0) return;
    for (const tensor of this.values()) tensor.dispose();
    this.clear();
  }
}

class EagerExecutable implements Executable {
  readonly state: EagerState;
  readonly #program: Program;
  readonly #backend: string;
  /** Maps a tensor's name to its name in the state. */
  readonly #nameOf: (name: string) => string;

  constructor(
    program: Program,
    { backend, state, nameOf }: {
      readonly backend: string;
      readonly state: EagerState;
      nameOf(name: string): string;
    },
  ) {
    this.#program = program;
    this.#backend = backend;
    this.#nameOf = nameOf;
    this.state = state;
    state.users++;
  }

  /** Nothing can be reserved, and the need is unknown. */
  reserve(): undefined {}

  write(tensors: TensorRecord): void {
    checkResident(this.#program, tensors);
    tf.setBackend(this.#backend);
    for (const [name, tensor] of Object.entries(tensors)) {
      this.state.replace(this.#nameOf(name), toTensor(tensor));
    }
  }

  async run(feeds: TensorRecord): Promise<TensorRecord> {
    checkFeeds(this.#program, feeds);
    expectSet(this.#program, (name) => this.state.has(this.#nameOf(name)));
    await tf.setBackend(this.#backend);
    const results = tf.tidy(() => {
      const fed = Object.entries(feeds).map(([name, tensor]) => [name, toTensor(tensor)]);
      const resident = residentNames(this.#program).map((name) => [
        name,
        this.state.get(this.#nameOf(name))!,
      ]);
      return this.#program.run({ ...Object.fromEntries(resident), ...Object.fromEntries(fed) });
    });
    const reported: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(results)) {
      if (this.#program.carried.includes(name)) {
        this.state.replace(this.#nameOf(name), tensor);
      } else {
        reported[name] = await toHost(tensor);
        tensor.dispose();
      }
    }
    return reported;
  }

  async read(names: readonly string[] = residentNames(this.#program)): Promise<TensorRecord> {
    const entries = names.map(async (name) =>
      [name, await toHost(this.state.get(this.#nameOf(name))!)] as const
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  dispose(): void {
    this.state.release();
  }
}
