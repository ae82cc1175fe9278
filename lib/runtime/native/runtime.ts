/** The runtime that compiles programs for this machine: traced, fused, planned, and compiled by a C compiler. */

import type { Executable, Need, Program, Runtime, Store } from "../../compile/mod.ts";
import { type Bindings, evaluate } from "../../compile/graph/length.ts";
import { inMemory, type Plan, planCalls } from "../../compile/c/plan/plan.ts";
import { compileToC, type CProgram } from "../../compile/c/compile.ts";
import type { Buffer } from "../../compile/c/plan/arena.ts";
import { floatTensor, type HostTensor, sizeOf, type TensorRecord } from "../../tensor.ts";
import { checkFeeds } from "../feeds.ts";
import { expectSet, type HeldStore, holdStore, HostStore } from "../store.ts";
import { encodeCalls, type EncodedCalls, patchFeeds } from "./calls.ts";
import { findCompiler } from "./compiler.ts";
import type { TargetName } from "./targets.ts";
import { KernelLibrary } from "./library.ts";
import { FedInputs } from "./fed.ts";
import { Memory, pointerTo, Resident } from "./memory.ts";
import { Recent } from "./recent.ts";

/** A program whose kernels are compiled. */
interface Compiled {
  readonly native: CProgram;
  /** Addresses of the program's own kernels. */
  readonly kernels: readonly number[];
  /** The same for all executables of the program. */
  readonly plans: Recent<Plan>;
}

/**
 * The runtime on this machine's C compiler.
 *
 * @throws {Failure} `unavailable` if there is none, or its libraries cannot be loaded
 */
export async function createNativeRuntime(
  { threads, compiler: command = "cc", target = "native" }: {
    readonly threads: number;
    readonly compiler?: string;
    readonly target?: TargetName;
  },
): Promise<Runtime> {
  const compiler = await findCompiler({ command, target });
  const library = await KernelLibrary.load(compiler);
  const compiled = new WeakMap<Program, Promise<Compiled>>();
  async function compile(program: Program): Promise<Compiled> {
    const native = compileToC(program);
    const kernels = await library.compile(native.bodies);
    return { native, kernels, plans: new Recent(KEPT_PLANS) };
  }
  const store = (specs: Store["specs"]): NativeStore => {
    const made = new HostStore(specs, (shape) => new Resident(shape));
    library.populate(made.tensors); // Goes on while the program is traced.
    return made;
  };
  return {
    name: "native",
    description: `compiled for this machine by ${compiler.version}, ${threads} thread${
      threads === 1 ? "" : "s"
    }`,
    slots: threads,
    store,
    async prepare(program, { slots = threads, ...given } = {}) {
      const held = holdStore(program, given, store);
      const known = compiled.get(program), made = known ?? compile(program);
      compiled.set(program, made);
      return new NativeExecutable(library, program, {
        ...await made,
        threads: slots,
        held,
        isFirst: known === undefined,
      });
    },
  };
}

type NativeStore = HostStore<Resident>;

/** A plan with the lists of calls of all threads. */
interface Prepared {
  readonly plan: Plan;
  readonly calls: EncodedCalls;
  readonly addresses: BigUint64Array<ArrayBuffer>;
}

/** Headroom of an arena that grows, for lengths beyond the reserved ones. */
const ARENA_RESERVE = 1.1;

/** Memory of an operation, bytes (measured). */
const NODE_BYTES = 15e3;

/** Plans that are cached; lengths often recur. */
const KEPT_PLANS = 64;

function keyOf(lengths: Bindings): string {
  return Object.entries(lengths).sort().join();
}

class NativeExecutable implements Executable {
  readonly store: NativeStore;
  readonly #held: HeldStore<NativeStore>;
  /** By the program's names. */
  readonly #resident: ReadonlyMap<string, Resident>;
  readonly #library: KernelLibrary;
  readonly #program: Program;
  readonly #native: CProgram;
  readonly #kernels: readonly number[];
  readonly #threads: number;
  /** Whether no other executable has the program. */
  readonly #isFirst: boolean;
  readonly #constants = new Map<string, Memory>();
  readonly #scratches: readonly Memory[];
  readonly #scratchAddresses: BigUint64Array<ArrayBuffer>;
  /** By the name of its memory. */
  readonly #residentAt: ReadonlyMap<string, Resident>;
  readonly #plans: Recent<Plan>;
  readonly #prepared = new Recent<Prepared>(KEPT_PLANS);
  readonly #fed = new FedInputs();
  #arena = new Memory(0);
  /** Inputs of the current run: they must not be collected. */
  #running: TensorRecord | undefined;

  constructor(
    library: KernelLibrary,
    program: Program,
    { native, kernels, plans, threads, held, isFirst }: Compiled & {
      readonly threads: number;
      readonly held: HeldStore<NativeStore>;
      readonly isFirst: boolean;
    },
  ) {
    this.#library = library;
    this.#program = program;
    this.#native = native;
    this.#kernels = kernels;
    this.#plans = plans;
    this.#threads = threads;
    this.#held = held;
    this.store = held.store;
    this.#resident = held.store.of(program, held.nameOf);
    this.#residentAt = new Map([...this.#resident].map(([name, each]) => [inMemory(name), each]));
    this.#isFirst = isFirst;
    this.#scratches = Array.from({ length: threads }, () => new Memory(library.scratchBytes));
    this.#scratchAddresses = BigUint64Array.from(this.#scratches, ({ address }) => BigInt(address));
    for (const { value, data } of native.graph.constants) {
      const memory = new Memory(4 * ("data" in data ? data.data.length : 1));
      this.#constants.set(`constant ${value.id}`, memory);
      if (!("data" in data)) continue;
      if (data.dtype === "float32") memory.floats(0, data.data.length).set(data.data);
      else memory.integers(0, data.data.length).set(data.data);
    }
  }

  reserve(lengths: Bindings): Need {
    const { bytes } = this.#planFor(lengths).arena;
    if (bytes > this.#arena.bytes && this.#library.hasRoomFor(bytes)) {
      this.#replaceArena(bytes);
      this.#library.populate([this.#arena]);
    }
    const programBytes = this.#isFirst ? NODE_BYTES * this.#native.graph.nodes.length : 0;
    return { programBytes, workBytes: bytes };
  }

  #replaceArena(bytes: number): void {
    this.#arena.release();
    this.#prepared.clear();
    this.#arena = new Memory(bytes);
  }

  async run(feeds: TensorRecord): Promise<TensorRecord> {
    const bindings = checkFeeds(this.#program, feeds);
    expectSet(this.#program, (name) => this.#resident.get(name)!.isSet);
    if (this.#running) throw new TypeError(`Cannot run "${this.#program.name}": it is running`);
    const { plan, calls, addresses } = this.#prepare(bindings);
    for (const { value, data } of this.#native.graph.constants) {
      // Lengths as numbers in a calculation.
      if ("length" in data) {
        const memory = this.#constants.get(`constant ${value.id}`)!;
        const number = evaluate(data.length, bindings);
        if (value.type === "float32") memory.floats(0, 1)[0] = number;
        else memory.integers(0, 1)[0] = number;
      }
    }
    const places = new Map(
      Object.entries(feeds).map((
        [name, feed],
      ) => [inMemory(name), this.#fed.addressOf(name, feed)]),
    );
    patchFeeds(calls, (buffer) => places.get(buffer.external!)!);
    this.#running = feeds;
    try {
      await this.#library.run(addresses, this.#scratchAddresses);
    } finally {
      this.#running = undefined;
    }
    return Object.fromEntries(
      [...plan.results].map(([name, { address: { buffer, offset }, value }]) => {
        const shape = value.shape.map((length) => evaluate(length, bindings));
        const at = plan.arena.offsets.get(buffer)! + 4 * offset, size = sizeOf(shape);
        const tensor: HostTensor = value.type === "float32"
          ? floatTensor(shape, this.#arena.floats(at, size).slice())
          : { dtype: "int32", shape, data: this.#arena.integers(at, size).slice() };
        return [name, tensor];
      }),
    );
  }

  #planFor(lengths: Bindings): Plan {
    return this.#plans.get(
      keyOf(lengths),
      () => planCalls(this.#native, lengths, this.#program),
    );
  }

  #prepare(lengths: Bindings): Prepared {
    return this.#prepared.get(keyOf(lengths), () => this.#encode(this.#planFor(lengths)));
  }

  #encode(plan: Plan): Prepared {
    if (plan.arena.bytes > this.#arena.bytes) {
      this.#replaceArena(Math.ceil(ARENA_RESERVE * plan.arena.bytes));
    }
    const calls = encodeCalls(plan, {
      kernel: ({ kernel }) =>
        typeof kernel === "number" ? this.#kernels[kernel]! : this.#library.kernels.get(kernel)!,
      buffer: (buffer) => this.#addressOf(plan, buffer),
    }, this.#threads);
    const addresses = BigUint64Array.from(calls.threads, (words) => BigInt(pointerTo(words)));
    return { plan, calls, addresses };
  }

  /** @returns undefined for fed inputs */
  #addressOf(plan: Plan, buffer: Buffer): number | undefined {
    const { external } = buffer;
    if (external === undefined) return this.#arena.address + plan.arena.offsets.get(buffer)!;
    return (this.#constants.get(external) ?? this.#residentAt.get(external))?.address;
  }

  dispose(): void {
    this.#prepared.clear();
    this.#arena.release();
    this.#fed.release();
    this.#held.release();
  }
}
