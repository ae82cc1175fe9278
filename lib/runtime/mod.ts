/**
 * Runtimes, which run programs. The only folder that imports native packages.
 *
 * @module
 */
import type { Runtime } from "../compile/mod.ts";
import { Failure } from "../failure.ts";
import { suggestion } from "../nearest.ts";
import type { TargetName } from "./native/targets.ts";

export { availableMemory } from "./available_memory.ts";

/** Settings that a runtime may use. */
export interface RuntimeOptions {
  /** Threads inside one operation. @default the machine's logical cores */
  readonly threads?: number;
  /** Keep freed memory between runs: a quarter faster, 10 to 20 % more of it. @default true */
  readonly arena?: boolean;
  /** The C compiler of `native`, a command that the system finds. @default "cc" */
  readonly compiler?: string;
  /** Target of `native`: other ones test the vectors of other processors. @default "native", this machine */
  readonly target?: TargetName;
}

type Create = (options: RuntimeOptions) => Promise<Runtime>;

/** The fastest one that works here: without a C compiler that is `onnx`. */
async function createFastestRuntime(options: RuntimeOptions): Promise<Runtime> {
  try {
    return await RUNTIMES["native"]!(options);
  } catch (error) {
    if (!(error instanceof Failure && error.kind === "unavailable")) throw error;
    const runtime = await RUNTIMES["onnx"]!(options);
    return { ...runtime, description: `${runtime.description} (${error.reason})` };
  }
}

// A runtime is imported when it is requested, so that the others' packages cost nothing.
const RUNTIMES: Readonly<Record<string, Create>> = {
  auto: createFastestRuntime,
  native: async ({ threads = navigator.hardwareConcurrency, ...options }) =>
    (await import("./native/runtime.ts")).createNativeRuntime({ threads, ...options }),
  onnx: async ({ threads = navigator.hardwareConcurrency, arena = true }) =>
    (await import("./onnx.ts")).createOnnxRuntime({ threads, arena }),
  cpu: async () => {
    const { createEagerRuntime } = await import("./eager.ts");
    return createEagerRuntime("cpu", {
      name: "cpu",
      description: "TensorFlow.js in plain JavaScript, 1 thread, eager (the slow reference)",
    });
  },
  wasm: async () => (await import("./wasm.ts")).createWasmRuntime(),
  webgpu: async () => (await import("./webgpu.ts")).createWebGpuRuntime({ allowSoftware: false }),
  "webgpu-software": async () =>
    (await import("./webgpu.ts")).createWebGpuRuntime({ allowSoftware: true }),
  tensorflow: async () => (await import("./tensorflow.ts")).createTensorFlowRuntime(),
};

/** Names that `--runtime` takes, the default first. */
export const RUNTIME_NAMES: readonly string[] = Object.keys(RUNTIMES);

/** More than one process can use on any machine; each thread takes memory. */
const MOST_THREADS = 1024;

/** The command-line flags that choose a runtime, for the flag table of any stage that computes. */
export const RUNTIME_FLAGS = {
  runtime: {
    type: "string",
    placeholder: "NAME",
    default: "auto",
    choices: RUNTIME_NAMES,
    help: "what computes; auto is native where a C compiler is, onnx elsewhere",
  },
  threads: {
    type: "integer",
    placeholder: "N",
    min: 1,
    max: MOST_THREADS,
    help: "threads of the runtime, all processors by default",
  },
} as const;

/**
 * A runtime by name.
 *
 * @throws {Failure} `usage` for an unknown name, `unavailable` when this machine cannot run it
 */
export async function createRuntime(name: string, options: RuntimeOptions = {}): Promise<Runtime> {
  const create = RUNTIMES[name];
  if (create === undefined) {
    throw new Failure("usage", `Cannot use runtime "${name}"${suggestion(name, RUNTIME_NAMES)}`);
  }
  return await create(options);
}
