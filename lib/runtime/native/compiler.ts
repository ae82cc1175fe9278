/** Makes libraries of C source with the system's compiler, and keeps them for the next time. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "../../failure.ts";

const FLAGS = [
  "-O3",
  "-march=native",
  // Vectors need these: no errno from square roots, no traps, and the order of sums where the source allows it.
  "-fno-math-errno",
  "-fno-trapping-math",
  "-fopenmp-simd",
  "-fPIC",
  "-shared",
  "-w",
];
const LIBRARIES = ["-lm", "-pthread"];

/** Compiled libraries, below the installed packages. */
const CACHE = fileURLToPath(new URL("../../../node_modules/.cache/ijepa-native", import.meta.url));

/** A C compiler that works. */
export interface Compiler {
  readonly command: string;
  /** Text that is different when its libraries may be: version, and what the processor has. */
  readonly identity: string;
}

async function output(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    // There is none, or it may not be run.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) {
      return undefined;
    }
    throw error;
  }
}

/** The system's C compiler; `undefined` where there is none. */
export async function findCompiler(command = "cc"): Promise<Compiler | undefined> {
  const [version, macros] = await Promise.all([
    output(command, ["--version"]),
    output(command, ["-march=native", "-dM", "-E", "-x", "c", "/dev/null"]),
  ]);
  if (version === undefined || macros === undefined) return undefined;
  return { command, identity: `${version}\n${macros}` };
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(
    new Uint8Array(bytes).slice(0, 12),
    (byte) => byte.toString(16).padStart(2, "0"),
  )
    .join("");
}

/** Where libraries are kept; a temporary folder where none can be made below the packages. */
async function cacheFolder(): Promise<string> {
  try {
    await Deno.mkdir(CACHE, { recursive: true });
    return CACHE;
  } catch {
    return await Deno.makeTempDir({ prefix: "ijepa-native-" });
  }
}

/**
 * Path of the library that a source makes, compiled unless it was before.
 *
 * @throws {Failure} `unavailable` when the compiler fails
 */
export async function compiledLibrary(
  { command, identity }: Compiler,
  source: string,
): Promise<string> {
  const folder = await cacheFolder();
  const name = await digest([identity, ...FLAGS, ...LIBRARIES, source].join("\n"));
  const path = join(folder, `${name}.so`);
  const made = await Deno.stat(path).then(() => true, () => false);
  if (made) return path;
  const work = await Deno.makeTempDir({ dir: folder });
  try {
    const [input, result] = [join(work, "program.c"), join(work, "program.so")];
    await Deno.writeTextFile(input, source);
    const { success, stderr } = await new Deno.Command(command, {
      args: [...FLAGS, "-o", result, input, ...LIBRARIES],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) {
      throw new Failure(
        "unavailable",
        `Cannot compile for this machine: "${command}" failed, use --runtime onnx; it says:\n${
          new TextDecoder().decode(stderr).trimEnd()
        }`,
      );
    }
    // Whoever else makes the same one makes the same bytes.
    await Deno.rename(result, path);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return path;
}
