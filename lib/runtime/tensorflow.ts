/** The runtime on native TensorFlow. */
import util from "node:util";
import type { Runtime } from "../compile/mod.ts";
import { Failure, messageOf } from "../failure.ts";
import { createEagerRuntime } from "./eager.ts";

/** Packages that bring the native TensorFlow library, the GPU build first. */
const PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"];
const VERSION = "4.22.0";

/**
 * TensorFlow's own library through its Node addon. The packages are optional: their install script fetches the library,
 * so they are loaded only when this runtime is requested.
 *
 * @throws {Failure} `unavailable`: neither package is installed, or its addon does not load
 */
export async function createTensorFlowRuntime(): Promise<Runtime> {
  // The addon's JavaScript calls two functions that newer versions of node:util no longer have.
  const legacy = util as unknown as Record<string, (value: unknown) => boolean>;
  legacy["isNullOrUndefined"] ??= (value) => value === null || value === undefined;
  legacy["isArray"] ??= Array.isArray;
  const failures: string[] = [];
  for (const name of PACKAGES) {
    try {
      // By its bare name: with a version, Deno would download a package that is not installed.
      await import(name);
      return await createEagerRuntime("tensorflow", {
        name: "tensorflow",
        description: `TensorFlow through ${name} ${VERSION}, eager`,
      });
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw needsEnvironment(name);
      const { code } = error as { readonly code?: string };
      const [reason] = messageOf(error).split("\n");
      failures.push(`${name}: ${code === "ERR_MODULE_NOT_FOUND" ? "not installed" : reason}`);
    }
  }
  const [first] = PACKAGES;
  throw new Failure(
    "unavailable",
    `Cannot use runtime "tensorflow": ${failures.join("; ")}; run "deno install --frozen=false ` +
      `--allow-scripts=npm:${first} npm:${first}@${VERSION}" or use --runtime onnx`,
  );
}

/** The addon reads the whole environment to find its library, which no task grants. */
function needsEnvironment(name: string): Failure {
  return new Failure(
    "unavailable",
    `Cannot use runtime "tensorflow": ${name} is installed but must read the environment, call ` +
      `"deno run --allow-read --allow-write --allow-ffi --allow-env stages/pretrain.ts" with your flags instead ` +
      `of the task`,
  );
}
