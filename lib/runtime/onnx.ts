/** The compiled runtime: a program is traced, emitted as ONNX and run by ONNX Runtime. */

import {
  emitOnnx,
  type Executable,
  fuse,
  type Graph,
  type Program,
  type Runtime,
  simplify,
  traceProgram,
  verifyGraph,
} from "../compile/mod.ts";
import { evaluate } from "../compile/length.ts";
import { encodeOnnx } from "../formats/onnx.ts";
import { type HostTensor, sizeOf, type TensorRecord } from "../tensor.ts";
import { checkFeeds, checkResident, residentNames } from "./feeds.ts";
import { OnnxRuntimeLibrary, type SessionSettings } from "./onnxruntime.ts";

/** How the compiled runtime is set up. */
export interface OnnxRuntimeOptions extends SessionSettings {
  /** Path of another libonnxruntime, for example a CUDA build. */
  readonly library?: string;
}

type Pointer = Deno.PointerValue;

function address(pointer: Pointer): bigint {
  return BigInt(Deno.UnsafePointer.value(pointer));
}

/** The runtime on a loaded library. */
export function createOnnxRuntime(options: OnnxRuntimeOptions): Runtime {
  const library = new OnnxRuntimeLibrary(options.library);
  const threads = `${options.threads} thread${options.threads === 1 ? "" : "s"}`;
  return {
    name: "onnx",
    description: `ONNX Runtime ${library.version}, CPU, ${threads}, compiled`,
    // deno-lint-ignore require-await
    async prepare(program) {
      const graph = fuse(simplify(traceProgram(program)));
      verifyGraph(graph);
      return new OnnxExecutable(library, program, { graph, settings: options });
    },
  };
}

/** Memory that the library reads and writes in place. */
interface Buffer {
  readonly data: Float32Array<ArrayBuffer>;
  readonly value: Pointer;
}

/** A tensor that stays in the runtime: a carried one has two buffers that take turns as input and output. */
interface Resident {
  readonly shape: readonly number[];
  readonly buffers: readonly [Buffer, Buffer] | readonly [Buffer];
}

class OnnxExecutable implements Executable {
  readonly #library: OnnxRuntimeLibrary;
  readonly #program: Program;
  readonly #session: Pointer;
  readonly #resident: ReadonlyMap<string, Resident>;
  readonly #fed: readonly string[];
  readonly #results: readonly string[];
  readonly #graph: Graph;
  readonly #inputNames: BigUint64Array;
  readonly #outputNames: BigUint64Array;
  // The library reads these while it runs.
  readonly #pinned: Uint8Array[] = [];
  readonly #unset: Set<string>;
  #turn: 0 | 1 = 0;
  /** What the library reads at the moment: nothing else may hold it, and it must not be collected. */
  #running: TensorRecord | undefined;

  constructor(
    library: OnnxRuntimeLibrary,
    program: Program,
    { graph, settings }: { readonly graph: Graph; readonly settings: SessionSettings },
  ) {
    this.#library = library;
    this.#program = program;
    this.#graph = graph;
    const model = encodeOnnx(emitOnnx(graph, { portable: false }));
    this.#session = library.createSession(model, settings);
    const resident = residentNames(program);
    this.#resident = new Map(resident.map((name) => [name, this.#reserve(name)]));
    this.#unset = new Set(resident);
    this.#fed = [...graph.inputs.keys()].filter((name) => !this.#resident.has(name));
    this.#results = [...graph.outputs.keys()].filter((name) => !program.carried.includes(name));
    this.#inputNames = this.#nameTable([...resident, ...this.#fed]);
    this.#outputNames = this.#nameTable([
      ...program.carried.map((name) => `${name}.next`),
      ...this.#results,
    ]);
  }

  #reserve(name: string): Resident {
    const shape = this.#program.inputs[name]!.shape as number[];
    const make = (): Buffer => {
      const data = new Float32Array(sizeOf(shape));
      return { data, value: this.#library.createValue(data, shape, "float32") };
    };
    const carried = this.#program.carried.includes(name);
    return { shape, buffers: carried ? [make(), make()] : [make()] };
  }

  /** The buffer of a tensor that is input when `turn` is the current one, output when it is the next. */
  #buffer(name: string, turn: 0 | 1): Buffer {
    const { buffers } = this.#resident.get(name)!;
    return buffers[turn] ?? buffers[0];
  }

  #nameTable(names: readonly string[]): BigUint64Array {
    return BigUint64Array.from(names, (name) => {
      const bytes = new TextEncoder().encode(name + "\0");
      this.#pinned.push(bytes);
      return address(Deno.UnsafePointer.of(bytes));
    });
  }

  write(tensors: TensorRecord): void {
    checkResident(this.#program, tensors);
    for (const [name, { data }] of Object.entries(tensors)) {
      this.#buffer(name, this.#turn).data.set(data as Float32Array);
      this.#unset.delete(name);
    }
  }

  async run(feeds: TensorRecord): Promise<TensorRecord> {
    const bindings = checkFeeds(this.#program, feeds);
    for (const name of this.#unset) {
      throw new RangeError(`Cannot run "${this.#program.name}": "${name}" was never set`);
    }
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
    const turn = this.#turn, next = turn === 0 ? 1 : 0;
    const resident = [...this.#resident.keys()].map((name) => this.#buffer(name, turn).value);
    const carried = this.#program.carried.map((name) => this.#buffer(name, next).value);
    this.#running = feeds;
    try {
      await this.#library.run(this.#session, {
        inputNames: this.#inputNames,
        inputs: BigUint64Array.from([...resident, ...fed], address),
        outputNames: this.#outputNames,
        outputs: BigUint64Array.from([...carried, ...made], address),
      });
      this.#turn = next;
    } finally {
      this.#running = undefined;
      for (const value of [...fed, ...made]) this.#library.call("releaseValue", value);
    }
    return Object.fromEntries(results);
  }

  #wrap({ data, shape, dtype }: HostTensor): Pointer {
    return this.#library.createValue(data, shape, dtype);
  }

  // deno-lint-ignore require-await
  async read(): Promise<TensorRecord> {
    return Object.fromEntries(
      this.#program.carried.map((name) => {
        const { shape } = this.#resident.get(name)!;
        return [name, {
          dtype: "float32",
          shape,
          data: this.#buffer(name, this.#turn).data.slice(),
        }];
      }),
    );
  }

  dispose(): void {
    for (const { buffers } of this.#resident.values()) {
      for (const { value } of buffers) this.#library.call("releaseValue", value);
    }
    this.#library.call("releaseSession", this.#session);
  }
}
