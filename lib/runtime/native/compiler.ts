/** The system's C compiler: identification, targets and compilation. */

import { Failure } from "../../failure.ts";
import {
  flagsFor,
  LIBRARIES,
  type Target,
  type TargetName,
  TARGETS,
  THIS_MACHINE,
} from "./targets.ts";

/** A C compiler that works. */
export interface Compiler {
  readonly command: string;
  readonly flags: readonly string[];
  /** The first line of its version output. */
  readonly version: string;
  /** Identifies its output, for the cache: version, flags, and processor features. */
  readonly identity: string;
}

/** Compiler and target. */
export interface CompilerOptions {
  /** A command that the system finds. @default "cc" */
  readonly command?: string;
  /** @default "native" */
  readonly target?: TargetName;
  /** Time limit of a compilation. @default 300 */
  readonly timeoutSeconds?: number;
}

const TIMEOUT_SECONDS = 300;
const WHAT = "Cannot compile for this machine";
const ADVICE = "use --runtime onnx";

/** The failure when compiling is impossible, with what to do. */
export function cannotCompile(reason: string, advice = ADVICE): Failure {
  return new Failure("unavailable", `${WHAT}: ${reason}, ${advice}`, {
    reason: `${WHAT}: ${reason}`,
  });
}

/** A failed compilation, with the compiler's messages. */
export class CompilationError extends Error {}

interface Answer {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Variables that Deno does not pass to a program under `--allow-run=NAME`; its error lists those that are set. */
const GUARDED_VARIABLES = /\b(?:LD|DYLD)_\w+/g;

/**
 * Starts a compiler without the variables that change which libraries a program loads: Deno refuses them.
 *
 * @throws {Failure} `unavailable`, with the reason
 */
function start(command: string, args: readonly string[], folder?: string): Deno.ChildProcess {
  const spawn = (env: Record<string, string>) =>
    new Deno.Command(command, {
      args: [...args],
      // The compiler's own temporary files are in a folder that is removed in any case.
      env: { LC_ALL: "C", ...folder === undefined ? {} : { TMPDIR: folder }, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  try {
    try {
      return spawn({});
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      const names = error.message.match(GUARDED_VARIABLES) ?? [];
      if (names.length === 0) throw error;
      return spawn(Object.fromEntries(names.map((name) => [name, ""])));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw cannotCompile(
        `wanted a C compiler as "${command}", got none`,
        `install gcc or clang, or ${ADVICE}`,
      );
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw cannotCompile(`Deno may not run "${command}"`, `grant --allow-run=cc, or ${ADVICE}`);
    }
    throw cannotCompile(`"${command}" does not start (${(error as Error).message})`);
  }
}

async function run(
  command: string,
  args: readonly string[],
  { timeoutSeconds = TIMEOUT_SECONDS, folder }: {
    readonly timeoutSeconds?: number | undefined;
    readonly folder?: string;
  },
): Promise<Answer> {
  const process = start(command, args, folder);
  const outputs = [process.stdout, process.stderr].map((stream) => stream.getReader());
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    try {
      process.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
    // Its children may still run, and hold the pipe open.
    for (const reader of outputs) reader.cancel();
  }, 1000 * timeoutSeconds);
  try {
    const [{ success }, [stdout, stderr]] = await Promise.all([
      process.status,
      Promise.all(outputs.map(textOf)),
    ]);
    if (late) {
      throw cannotCompile(`"${command}" gave no answer within ${timeoutSeconds} seconds`);
    }
    return { success, stdout: stdout!, stderr: stderr! };
  } finally {
    clearTimeout(timer);
  }
}

async function textOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}

function macrosIn(text: string): ReadonlySet<string> {
  return new Set(Array.from(text.matchAll(/^#define (\w+)/gm), ([, name]) => name!));
}

/**
 * Identifies a compiler and its features.
 *
 * @throws {Failure} `unavailable` if there is none, it does not work, or this machine cannot run the target
 */
export async function findCompiler(
  { command = "cc", target = "native", timeoutSeconds }: CompilerOptions = {},
): Promise<Compiler> {
  const call = (...args: readonly string[]) => run(command, args, { timeoutSeconds });
  const macros = (flags: readonly string[]) => call(...flags, "-dM", "-E", "-x", "c", "/dev/null");
  const expectSuccess = ({ success, stdout, stderr }: Answer) => {
    if (success) return stdout;
    const [words] = stderr.trim().split("\n");
    throw cannotCompile(`"${command}" failed${words ? ` (${words})` : ""}`);
  };
  const [about, first] = await Promise.all([call("--version"), macros(THIS_MACHINE[0]!)]);
  const description = expectSuccess(about);
  let [machine, answer] = [THIS_MACHINE[0]!, first];
  for (const other of THIS_MACHINE.slice(1)) {
    if (!answer.success) [machine, answer] = [other, await macros(other)];
  }
  const all = expectSuccess(answer);
  const { needs, flags }: Target = TARGETS[target];
  if (needs !== undefined && !macrosIn(all).has(needs)) {
    throw cannotCompile(`the processor has no ${needs.replaceAll("_", "")}`);
  }
  const chosen = [...machine, ...flags];
  const defined = flags.length === 0 ? all : expectSuccess(await macros(chosen));
  const complete = flagsFor(macrosIn(defined), chosen);
  const identity = [description, defined, ...complete, ...LIBRARIES].join("\n");
  return { command, flags: complete, version: description.split("\n")[0]!, identity };
}

/** C files by name: the one that is compiled first, then those that it includes. */
export type SourceFiles = ReadonlyMap<string, string>;

/**
 * Compiles C files to a library in a folder, which is also where the compiler's temporary files are.
 *
 * @returns the library's path
 * @throws {CompilationError} when the compiler fails
 * @throws {Failure} `unavailable` when it is gone, or exceeds the time limit
 */
export async function compileLibrary(
  { command, flags }: Compiler,
  files: SourceFiles,
  folder: string,
): Promise<string> {
  const paths = [...files.keys()].map((name) => `${folder}/${name}`),
    result = `${folder}/program.so`;
  await Promise.all([...files.values()].map((text, i) => Deno.writeTextFile(paths[i]!, text)));
  const args = [...flags, `-I${folder}`, "-o", result, paths[0]!, ...LIBRARIES];
  const { success, stderr } = await run(command, args, { folder });
  if (!success) throw new CompilationError(stderr.trim());
  return result;
}
