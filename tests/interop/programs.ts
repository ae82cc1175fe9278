/** Tests that call other tools, and the calls. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { encodeSafetensors, readSafetensors } from "../../lib/formats/safetensors.ts";
import type { TensorRecord } from "../../lib/tensor.ts";
import { ROOT } from "../run_stage.ts";

const HERE = join(ROOT, "tests/interop");
// Set by run.ts, which says why when one is missing.
const PYTHON = Deno.env.get("INTEROP_PYTHON"), NODE = Deno.env.get("INTEROP_NODE");

type Body = () => Promise<void>;

/** A test that needs Python. */
export function testWithPython(name: string, fn: Body): void {
  Deno.test({ name, ignore: PYTHON === undefined, fn });
}

/** A test that needs transformers.js in Node. */
export function testWithNode(name: string, fn: Body): void {
  Deno.test({ name, ignore: NODE === undefined, fn });
}

async function call(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    // Nothing is to be fetched, an encoder is a directory, and nothing to be sent.
    env: {
      HF_HUB_OFFLINE: "1",
      HF_HUB_DISABLE_PROGRESS_BARS: "1",
      ORT_DISABLE_TELEMETRY: "1",
      TQDM_DISABLE: "1",
    },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, `${program} ${args.join(" ")}\n${text.decode(stderr)}`);
  return text.decode(stdout);
}

/** Runs `python/NAME.py`. @returns what it printed */
export function python(name: string, ...args: readonly string[]): Promise<string> {
  return call(PYTHON!, [join(HERE, "python", `${name}.py`), ...args], HERE);
}

/** Runs a program of `bench/peers`. @returns what it printed */
export function peer(name: string, ...args: readonly string[]): Promise<string> {
  return call(PYTHON!, [join(ROOT, "bench/peers", `${name}.py`), ...args], HERE);
}

/** Runs `js/NAME.mjs` beside the packages that it imports. @returns what it printed */
export async function node(name: string, ...args: readonly string[]): Promise<string> {
  const script = join(NODE!, `${name}.mjs`);
  await Deno.copyFile(join(HERE, "js", `${name}.mjs`), script);
  return await call("node", [script, ...args], NODE!);
}

/** Writes tensors for a program. @returns the path */
export async function handOver(folder: string, name: string, tensors: TensorRecord) {
  const path = join(folder, `${name}.safetensors`);
  await Deno.writeFile(path, encodeSafetensors(tensors));
  return path;
}

/** The tensors that a program has written. */
export async function handedBack(path: string): Promise<TensorRecord> {
  return (await readSafetensors(path)).tensors;
}

/** What other tools may differ by, as Hugging Face holds its own conversions to. */
export const TOLERANCE = 1e-4;

/** Fails unless all values are finite and near. */
export function expectNear(
  what: string,
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance = TOLERANCE,
): void {
  assert.equal(got.length, wanted.length, `${what}: number of values`);
  let largest = 0;
  for (let i = 0; i < wanted.length; i++) {
    assert.ok(Number.isFinite(got[i]), `${what}: value ${i} is ${got[i]}`);
    largest = Math.max(largest, Math.abs(got[i]! - wanted[i]!));
  }
  assert.ok(largest <= tolerance, `${what}: differs by ${largest}, wanted at most ${tolerance}`);
  console.log(`${what}: differs by at most ${largest.toExponential(2)}`);
}
