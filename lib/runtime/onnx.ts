/** The compiled runtime: a program is traced, emitted as ONNX and run by ONNX Runtime. */

import {
  emitOnnx,
  type Executable,
  fuse,
  type Graph,
  type Need,
  overwritable,
  type Program,
  residentNames,
  type Runtime,
  simplify,
  type Store,
  traceProgram,
  verifyGraph,
} from "../compile/mod.ts";
import { type Bindings, evaluate } from "../compile/graph/length.ts";
import { peakBytes } from "../compile/onnx/memory.ts";
import { encodeOnnx } from "../formats/onnx.ts";
import { type HostTensor, sizeOf, type TensorRecord } from "../tensor.ts";
import { checkFeeds } from "./feeds.ts";
import { OnnxRuntimeLibrary, type SessionSettings } from "./onnxruntime.ts";
import { expectSet, type HeldStore, holdStore, HostStore } from "./store.ts";

/** How the compiled runtime is set up. */
export interface OnnxRuntimeOptions extends SessionSettings {
  /** Path of another libonnxruntime, for example a CUDA build. */
  readonly library?: string;
}

// Measured, see docs/performance.md. Freed memory is kept in pieces for the next value that fits. When lengths change not
// all fit, so up to 1.45 times what is alive at once is held, mostly less than 1.2 times.
const ARENA_FACTOR = 1.25;
/** Memory of an operation, here and in the library, bytes. */
const NODE_BYTES = 35e3;

type Pointer = Deno.PointerValue;

function address(pointer: Pointer): bigint {
  return BigInt(Deno.UnsafePointer.value(pointer));
}

/** The checked graph of a program, ready to be emitted. */
function graphOf(program: Program): Graph {
  const graph = fuse(simplify(traceProgram(program)));
  verifyGraph(graph);
  return graph;
}

/** The runtime on a loaded library. */
export function createOnnxRuntime(options: OnnxRuntimeOptions): Runtime {
  const library = new OnnxRuntimeLibrary(options.library);
  const graphs = new WeakMap<Program, Graph>();
  const threads = `${options.threads} thread${options.threads === 1 ? "" : "s"}`;
  const store = (specs: Store["specs"]): OnnxStore =>
    new HostStore(specs, (shape) => new Resident(library, shape));
  return {
    name: "onnx",
    description: `ONNX Runtime ${library.version}, CPU, ${threads}, compiled`,
    slots: options.threads,
    store,
    // deno-lint-ignore require-await
    async prepare(program, { slots = options.threads, ...given } = {}) {
      const held = holdStore(program, given, store);
      const graph = graphs.get(program) ?? graphOf(program);
      graphs.set(program, graph);
      return new OnnxExecutable(library, program, {
        graph,
        settings: { ...options, threads: slots },
        held,
      });
    },
  };
}

type OnnxStore = HostStore<Resident>;

/** Memory that the library reads and writes in place. */
interface Buffer {
  readonly data: Float32Array<ArrayBuffer>;
  readonly value: Pointer;
}

/**
 * A tensor that stays in the runtime. A carried one that cannot be updated in place has two buffers that alternate as
 * input and output.
 */
class Resident {
  readonly shape: readonly number[];
  readonly #library: OnnxRuntimeLibrary;
  #now: Buffer;
  #next: Buffer | undefined;
  isSet = false;

  constructor(library: OnnxRuntimeLibrary, shape: readonly number[]) {
    this.#library = library;
    this.shape = shape;
    this.#now = this.#reserve();
  }

  #reserve(): Buffer {
    const data = new Float32Array(sizeOf(this.shape));
    return { data, value: this.#library.createValue(data, this.shape, "float32") };
  }

  /** From now on there is a program that still reads the tensor when it writes it. */
  double(): void {
    this.#next ??= this.#reserve();
  }

  /** The current values. */
  get data(): Float32Array<ArrayBuffer> {
    return this.#now.data;
  }

  get input(): Pointer {
    return this.#now.value;
  }

  get output(): Pointer {
    return (this.#next ?? this.#now).value;
  }

  /** Swaps the buffers: the output becomes the value. */
  turn(): void {
    if (this.#next !== undefined) [this.#now, this.#next] = [this.#next, this.#now];
  }

  release(): void {
    for (const buffer of [this.#now, this.#next]) {
      if (buffer !== undefined) this.#library.call("releaseValue", buffer.value);
    }
  }
}

class OnnxExecutable implements Executable {
  readonly store: OnnxStore;
  readonly #held: HeldStore<OnnxStore>;
  /** By the program's names, in the order in which it takes them. */
  readonly #resident: ReadonlyMap<string, Resident>;
  readonly #library: OnnxRuntimeLibrary;
  readonly #program: Program;
  readonly #session: Pointer;
  readonly #fed: readonly string[];
  readonly #results: readonly string[];
  readonly #graph: Graph;
  readonly #inputNames: BigUint64Array;
  readonly #outputNames: BigUint64Array;
  // The library reads these while it runs.
  readonly #pinned: Uint8Array[] = [];
  /** Inputs that the library reads at present, which must not be collected. */
  #running: TensorRecord | undefined;

  constructor(
    library: OnnxRuntimeLibrary,
    program: Program,
    { graph, settings, held }: {
      readonly graph: Graph;
      readonly settings: SessionSettings;
      readonly held: HeldStore<OnnxStore>;
    },
  ) {
    this.#library = library;
    this.#program = program;
    this.#graph = graph;
    const model = encodeOnnx(emitOnnx(graph, { portable: false }));
    this.#session = library.createSession(model, settings);
    const names = residentNames(program);
    this.#held = held;
    this.store = held.store;
    this.#resident = held.store.of(program, held.nameOf);
    const inPlace = overwritable(graph, program.carried);
    for (const name of program.carried) {
      if (!inPlace.has(name)) this.#resident.get(name)!.double();
    }
    this.#fed = [...graph.inputs.keys()].filter((name) => !this.#resident.has(name));
    this.#results = [...graph.outputs.keys()].filter((name) => !program.carried.includes(name));
    this.#inputNames = this.#nameTable([...names, ...this.#fed]);
    this.#outputNames = this.#nameTable([
      ...program.carried.map((name) => `${name}.next`),
      ...this.#results,
    ]);
  }

  #nameTable(names: readonly string[]): BigUint64Array {
    return BigUint64Array.from(names, (name) => {
      const bytes = new TextEncoder().encode(name + "\0");
      this.#pinned.push(bytes);
      return address(Deno.UnsafePointer.of(bytes));
    });
  }

  /**
   * The library cannot reserve; the need follows from what is alive at once. Every session has a program of its own.
   */
  reserve(lengths: Bindings): Need {
    return {
      programBytes: NODE_BYTES * this.#graph.nodes.length,
      workBytes: ARENA_FACTOR * peakBytes(this.#graph, lengths),
    };
  }

  async run(feeds: TensorRecord): Promise<TensorRecord> {
    const bindings = checkFeeds(this.#program, feeds);
    expectSet(this.#program, (name) => this.#resident.get(name)!.isSet);
    if (this.#running) throw new TypeError(`Cannot run "${this.#program.name}": it is running`);
    const results = this.#results.map((name): readonly [string, HostTensor] => {
      const value = this.#graph.outputs.get(name)!;
      const shape = value.shape.map((length) => evaluate(length, bindings));
      const size = sizeOf(shape);
      return [
        name,
        value.type === "float32"
          ? { dtype: "float32", shape, data: new Float32Array(size) }
          : { dtype: "int32", shape, data: new Int32Array(size) },
      ];
    });
    const fed = this.#fed.map((name) => this.#wrap(feeds[name]!));
    const made = results.map(([, tensor]) => this.#wrap(tensor));
    const resident = [...this.#resident.values()].map(({ input }) => input);
    const carried = this.#program.carried.map((name) => this.#resident.get(name)!);
    this.#running = feeds;
    try {
      await this.#library.run(this.#session, {
        inputNames: this.#inputNames,
        inputs: BigUint64Array.from([...resident, ...fed], address),
        outputNames: this.#outputNames,
        outputs: BigUint64Array.from([...carried.map(({ output }) => output), ...made], address),
      });
      for (const tensor of carried) tensor.turn();
    } finally {
      this.#running = undefined;
      for (const value of [...fed, ...made]) this.#library.call("releaseValue", value);
    }
    return Object.fromEntries(results);
  }

  #wrap({ data, shape, dtype }: HostTensor): Pointer {
    return this.#library.createValue(data, shape, dtype);
  }

  dispose(): void {
    this.#library.call("releaseSession", this.#session);
    this.#held.release();
  }
}
