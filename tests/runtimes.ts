/** Runtimes that tests try, among them compiled code for every kind of vectors, made by each compiler. */

import { Failure } from "../lib/failure.ts";
import { createRuntime, type RuntimeOptions } from "../lib/runtime/mod.ts";
import { findCompiler } from "../lib/runtime/native/compiler.ts";
import { type TargetName, TARGETS } from "../lib/runtime/native/targets.ts";
import type { Runtime } from "../lib/compile/mod.ts";

/** A runtime that a test tries, or why it cannot be had on this machine. */
export interface Tried {
  readonly name: string;
  readonly missing: string | undefined;
  create(options?: RuntimeOptions): Promise<Runtime>;
}

type Compiled = Required<Pick<RuntimeOptions, "compiler" | "target">>;

async function whyNotCompiled({ compiler: command, target }: Compiled) {
  try {
    await findCompiler({ command, target });
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error.reason;
    throw error;
  }
}

async function compiled(name: string, compiledBy: Compiled): Promise<Tried> {
  return {
    name,
    missing: await whyNotCompiled(compiledBy),
    create: (options) => createRuntime("native", { ...options, ...compiledBy }),
  };
}

/** `native` as users have it. */
export const NATIVE: Tried = await compiled("native", { compiler: "cc", target: "native" });

function byEachCompiler(targets: readonly TargetName[]): Promise<readonly Tried[]> {
  return Promise.all(
    ["gcc", "clang"].flatMap((compiler) =>
      targets.map((target) => compiled(`native (${compiler}, ${target})`, { compiler, target }))
    ),
  );
}

/** `native` by each compiler for vectors of 16, 8 and 4 floats. */
export const WIDTHS: readonly Tried[] = await byEachCompiler(["avx512", "avx2", "sse"]);

/** `native` by each compiler for every target, of which some differ in little. */
export const COMPILED: readonly Tried[] = await byEachCompiler(
  (Object.keys(TARGETS) as TargetName[]).filter((target) => target !== "native"),
);

/** Those that let their number of threads be chosen. */
const THREADED = ["auto", "native", "onnx"];

/** Runtimes by name; options that one has not are left out. */
export function runtimesNamed(...names: readonly string[]): readonly Tried[] {
  return names.map((name) =>
    name === "native" ? NATIVE : {
      name,
      missing: undefined,
      create: (options) => createRuntime(name, THREADED.includes(name) ? options : {}),
    }
  );
}

/** A test that is skipped, with the reason, where the runtime cannot be had. */
export function testOn(
  { name, missing }: Tried,
  title: string,
  fn: (test: Deno.TestContext) => void | Promise<void>,
): void {
  const reason = missing === undefined ? "" : ` (skipped: ${missing})`;
  Deno.test({ name: `${name}: ${title}${reason}`, ignore: missing !== undefined, fn });
}
