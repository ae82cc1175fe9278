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

/** How a runtime is made, and which options it has. Any has one thread. */
interface Entry {
  readonly options: readonly (keyof RuntimeOptions)[];
  readonly create: (options: RuntimeOptions) => Promise<Runtime>;
}

/** The options that a runtime has. */
function optionsFor({ options: names }: Entry, options: RuntimeOptions): RuntimeOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => names.includes(name as keyof RuntimeOptions)),
  );
}

/** The fastest one that works here: without a C compiler that is `onnx`. */
async function createFastestRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { native, onnx } = RUNTIMES as { native: Entry; onnx: Entry };
  try {
    return await native.create(optionsFor(native, options));
  } catch (error) {
    if (!(error instanceof Failure && error.kind === "unavailable")) throw error;
    const runtime = await onnx.create(optionsFor(onnx, options));
    return { ...runtime, description: `${runtime.description} (${error.reason})` };
  }
}

// Each runtime is imported when it is used: the others' packages cost nothing then.
const RUNTIMES: Readonly<Record<string, Entry>> = {
  auto: { options: ["threads", "arena", "compiler", "target"], create: createFastestRuntime },
  native: {
    options: ["threads", "compiler", "target"],
    create: async ({ threads = navigator.hardwareConcurrency, ...options }) =>
      (await import("./native/runtime.ts")).createNativeRuntime({ threads, ...options }),
  },
  onnx: {
    options: ["threads", "arena"],
    create: async ({ threads = navigator.hardwareConcurrency, arena = true }) =>
      (await import("./onnx.ts")).createOnnxRuntime({ threads, arena }),
  },
  cpu: {
    options: [],
    create: async () => {
      const { createEagerRuntime } = await import("./eager.ts");
      return createEagerRuntime("cpu", {
        name: "cpu",
        description: "TensorFlow.js in plain JavaScript, 1 thread, eager (the slow reference)",
      });
    },
  },
  wasm: { options: [], create: async () => (await import("./wasm.ts")).createWasmRuntime() },
  webgpu: {
    options: [],
    create: async () => (await import("./webgpu.ts")).createWebGpuRuntime({ allowSoftware: false }),
  },
  "webgpu-software": {
    options: [],
    create: async () => (await import("./webgpu.ts")).createWebGpuRuntime({ allowSoftware: true }),
  },
  tensorflow: {
    options: [],
    create: async () => (await import("./tensorflow.ts")).createTensorFlowRuntime(),
  },
};

/** @throws {Failure} `usage`: an option that the runtime has not */
function expectOptions(name: string, { options: names }: Entry, options: RuntimeOptions): void {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || names.includes(option as keyof RuntimeOptions)) continue;
    if (option !== "threads") {
      throw new Failure("usage", `Cannot use runtime "${name}": it has no option "${option}"`);
    }
    if (value === 1) continue;
    throw new Failure(
      "usage",
      `Cannot use runtime "${name}" with ${value} threads: it has no such choice, leave --threads ` +
        "out or use --runtime native or onnx",
    );
  }
}

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
 * @throws {Failure} `usage` for an unknown name or an option that it has not, `unavailable` when this machine cannot run it
 */
export async function createRuntime(name: string, options: RuntimeOptions = {}): Promise<Runtime> {
  const entry = Object.hasOwn(RUNTIMES, name) ? RUNTIMES[name] : undefined;
  if (entry === undefined) {
    throw new Failure("usage", `Cannot use runtime "${name}"${suggestion(name, RUNTIME_NAMES)}`);
  }
  expectOptions(name, entry, options);
  return await entry.create(options);
}
