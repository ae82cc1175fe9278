/**
 * What is said of damaged files. libvips has one error text for the whole process, and tests of several files run in one
 * process: a verdict on a file that has warnings needs a process of its own.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../run_stage.ts";
import type { FileVerdicts } from "./file_verdicts.ts";
import { temporaryFolder } from "./pictures.ts";

/** What a program of this folder prints. */
export async function outputOf(program: string, ...args: readonly string[]): Promise<string> {
  const permissions = ["--no-prompt", "--allow-read", "--allow-ffi", "--allow-env"];
  const path = join(ROOT, "tests/images", program);
  // The memory of the process is in /proc, which Deno opens with all permissions only.
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...(args.length > 0 ? ["-A"] : permissions), path, ...args],
    cwd: ROOT,
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(text !== "", new TextDecoder().decode(stderr));
  return text;
}

/** What becomes of files that are decoded at once in a process of their own. */
export async function verdictsOf(
  files: Readonly<Record<string, Uint8Array>>,
): Promise<FileVerdicts> {
  await using folder = await temporaryFolder();
  for (const [name, bytes] of Object.entries(files)) {
    await Deno.writeFile(join(folder.path, name), bytes);
  }
  return JSON.parse(await outputOf("file_verdicts.ts", folder.path));
}
