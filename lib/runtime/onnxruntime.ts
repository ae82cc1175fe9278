/**
 * ONNX Runtime's C API through Deno's FFI. Function numbers are positions in `struct OrtApi`, which is append-only:
 * they hold for every release from 1.17 on (tested: 1.30).
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, messageOf } from "../failure.ts";
import type { Dtype } from "../tensor.ts";

/** The requested API version: high enough for all functions below, low enough for older libraries. */
const API_VERSION = 17;

const p = "pointer", b = "buffer", i = "i32", z = "usize";
const FUNCTIONS = {
  getErrorMessage: [2, [p], p],
  createEnv: [3, [i, b, b], p],
  createSession: [7, [p, b, p, b], p],
  createSessionFromArray: [8, [p, b, z, p, b], p],
  createSessionOptions: [10, [b], p],
  enableProfiling: [14, [p, b], p],
  disableMemPattern: [17, [p], p],
  disableCpuMemArena: [19, [p], p],
  setGraphOptimizationLevel: [23, [p, i], p],
  setIntraOpThreads: [24, [p, i], p],
  setInterOpThreads: [25, [p, i], p],
  createTensorWithData: [49, [p, b, z, b, z, i, b], p],
  createCpuMemoryInfo: [69, [i, i, b], p],
  releaseEnv: [92, [p], "void"],
  releaseStatus: [93, [p], "void"],
  releaseSession: [95, [p], "void"],
  releaseValue: [96, [p], "void"],
  releaseSessionOptions: [100, [p], "void"],
} as const;
const RUN = 9;

type Pointer = Deno.PointerValue;
type ApiFunction = (...values: unknown[]) => Pointer;

/** ONNX element type codes. */
const TYPE_CODES: Readonly<Record<Dtype, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  float64: 11,
};

/** How a session is set up. */
export interface SessionSettings {
  /** Threads inside one operator. */
  readonly threads: number;
  /** Keep freed memory for the next run. @default false less memory, somewhat slower */
  readonly arena?: boolean;
  /** Path prefix for a profile in Chrome's trace format. */
  readonly profile?: string;
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

/** A path as the library takes it: in 16-bit units on Windows, in bytes elsewhere. */
function pathString(path: string): Uint8Array<ArrayBuffer> {
  if (Deno.build.os !== "windows") return cString(path);
  return new Uint8Array(Uint16Array.from(path + "\0", (unit) => unit.charCodeAt(0)).buffer);
}

/** The library that ships inside `npm:onnxruntime-node`, for this platform. */
export function bundledLibrary(): string {
  const root = join(
    fileURLToPath(import.meta.resolve("onnxruntime-node")),
    "../../bin/napi-v6",
  );
  const os = Deno.build.os === "windows" ? "win32" : Deno.build.os;
  const arch = Deno.build.arch === "x86_64" ? "x64" : "arm64";
  const file = {
    linux: "libonnxruntime.so.1",
    darwin: "libonnxruntime.1.dylib",
    win32: "onnxruntime.dll",
  }[os as string];
  if (file === undefined) {
    throw new Failure("unavailable", `Cannot load ONNX Runtime: no library for ${os} ${arch}`);
  }
  return join(root, os, arch, file);
}

/** A loaded ONNX Runtime library. */
export class OnnxRuntimeLibrary {
  readonly version: string;
  readonly #calls = new Map<keyof typeof FUNCTIONS, ApiFunction>();
  readonly #run: (...values: unknown[]) => Promise<Pointer>;
  readonly #environment: Pointer;
  readonly #memoryInfo: Pointer;
  // Buffers that the library may read at any time must not be collected.
  readonly #pinned: Uint8Array[] = [];
  // Nor may the tables of pointers of a run in progress.
  readonly #tables = new Set<readonly BigUint64Array[]>();

  /**
   * @param path a libonnxruntime of release 1.17 or later
   * @throws {Failure} `unavailable` when it does not load, or its telemetry cannot be turned off
   */
  constructor(path: string = bundledLibrary()) {
    const library = openLibrary(path);
    const base = new Deno.UnsafePointerView(library.symbols.OrtGetApiBase()!);
    const getApi = new Deno.UnsafeFnPointer(
      base.getPointer(0)!,
      { parameters: ["u32"], result: "pointer" } as const,
    );
    const getVersion = new Deno.UnsafeFnPointer(
      base.getPointer(8)!,
      { parameters: [], result: "pointer" } as const,
    );
    this.version = Deno.UnsafePointerView.getCString(getVersion.call()!);
    const table = getApi.call(API_VERSION);
    if (table === null) {
      throw new Failure(
        "unavailable",
        `Cannot use "${path}": ONNX Runtime 1.${API_VERSION} or later is needed, got ${this.version}`,
      );
    }
    const api = new Deno.UnsafePointerView(table);
    for (const [name, [index, parameters, result]] of Object.entries(FUNCTIONS)) {
      const definition: Deno.ForeignFunction = { parameters, result };
      const pointer = new Deno.UnsafeFnPointer(api.getPointer(index * 8)!, definition);
      this.#calls.set(name as keyof typeof FUNCTIONS, pointer.call.bind(pointer) as ApiFunction);
    }
    const run = new Deno.UnsafeFnPointer(
      api.getPointer(RUN * 8)!,
      { parameters: [p, p, b, b, z, b, z, b], result: p, nonblocking: true } as const,
    );
    this.#run = (...values) => run.call(...values as Parameters<typeof run.call>);
    const warningsOnly = 2;
    this.#environment = this.#create("createEnv", warningsOnly, this.#pin(cString("ijepa")));
    const deviceAllocator = 0, defaultMemory = 0;
    this.#memoryInfo = this.#create("createCpuMemoryInfo", deviceAllocator, defaultMemory);
  }

  #pin(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    this.#pinned.push(bytes);
    return bytes;
  }

  #check(status: Pointer): void {
    if (status === null) return;
    const message = Deno.UnsafePointerView.getCString(this.call("getErrorMessage", status)!);
    this.call("releaseStatus", status);
    throw new Error(`ONNX Runtime: ${message}`);
  }

  /** Calls a function and returns what it returns. */
  call(name: keyof typeof FUNCTIONS, ...values: unknown[]): Pointer {
    return this.#calls.get(name)!(...values);
  }

  /** Calls a function that fills in a pointer as its last argument. */
  #create(name: keyof typeof FUNCTIONS, ...values: unknown[]): Pointer {
    const slot = new BigUint64Array(1);
    this.#check(this.call(name, ...values, slot));
    return Deno.UnsafePointer.create(slot[0]!);
  }

  /** Compiles a model: its bytes, or the path of its file, which may have its constants beside it. */
  createSession(model: Uint8Array<ArrayBuffer> | string, settings: SessionSettings): Pointer {
    const options = this.#create("createSessionOptions");
    const allOptimizations = 99;
    this.#check(this.call("setGraphOptimizationLevel", options, allOptimizations));
    this.#check(this.call("setIntraOpThreads", options, settings.threads));
    this.#check(this.call("setInterOpThreads", options, 1));
    if (!settings.arena) this.#check(this.call("disableCpuMemArena", options));
    // Planning memory ahead costs 10 % of speed and 40 % of memory when mask sizes change (docs/performance.md).
    this.#check(this.call("disableMemPattern", options));
    // Two settings are avoided: with them results depend on which thread does which part, so resuming is not exact.
    // session.dynamic_block_base moves the borders of parts; session.set_denormal_as_zero changes the mode of this
    // thread and of those it starts later, but run() may get a thread from before.
    if (settings.profile) {
      this.#check(this.call("enableProfiling", options, cString(settings.profile)));
    }
    try {
      if (typeof model === "string") {
        return this.#create("createSession", this.#environment, pathString(model), options);
      }
      return this.#create(
        "createSessionFromArray",
        this.#environment,
        model,
        BigInt(model.length),
        options,
      );
    } finally {
      this.call("releaseSessionOptions", options);
    }
  }

  /** Wraps a typed array as a tensor; nothing is copied, the array must outlive the value. */
  createValue(
    data: Float32Array | Int32Array | BigInt64Array | Float64Array | Uint8Array,
    shape: readonly number[],
    dtype: Dtype,
  ): Pointer {
    const extents = BigInt64Array.from(shape, BigInt);
    return this.#create(
      "createTensorWithData",
      this.#memoryInfo,
      data,
      BigInt(data.byteLength),
      extents,
      BigInt(shape.length),
      TYPE_CODES[dtype],
    );
  }

  /** Runs a session on another thread, without blocking the event loop. */
  async run(
    session: Pointer,
    { inputNames, inputs, outputNames, outputs }: {
      readonly inputNames: BigUint64Array;
      readonly inputs: BigUint64Array;
      readonly outputNames: BigUint64Array;
      readonly outputs: BigUint64Array;
    },
  ): Promise<void> {
    const tables = [inputNames, inputs, outputNames, outputs];
    this.#tables.add(tables);
    try {
      this.#check(
        await this.#run(
          session,
          null,
          inputNames,
          inputs,
          BigInt(inputs.length),
          outputNames,
          BigInt(outputs.length),
          outputs,
        ),
      );
    } finally {
      this.#tables.delete(tables);
    }
  }
}

/** Read by the library when it is loaded. */
const NO_TELEMETRY = "ORT_DISABLE_TELEMETRY";

/**
 * The library in the package reads the machine's id, queues events below the home folder and sends them, even without
 * Deno's network permission. It is loaded only with telemetry turned off.
 *
 * @throws {Failure} `unavailable` without the permission to set the variable
 */
function forbidTelemetry(path: string): void {
  try {
    Deno.env.set(NO_TELEMETRY, "1");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new Failure(
      "unavailable",
      `Cannot load ONNX Runtime from "${path}": it sends telemetry unless ${NO_TELEMETRY} is set, which needs a ` +
        `permission, add --allow-env=${NO_TELEMETRY} to the flags of deno`,
      { cause: error },
    );
  }
}

function openLibrary(path: string) {
  forbidTelemetry(path);
  try {
    return Deno.dlopen(path, { OrtGetApiBase: { parameters: [], result: "pointer" } } as const);
  } catch (error) {
    throw new Failure(
      "unavailable",
      `Cannot load ONNX Runtime from "${path}": ${
        messageOf(error)
      }; run "deno install" or choose ` +
        `another --runtime`,
      { cause: error },
    );
  }
}
