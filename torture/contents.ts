/** What is in an artefact, without what may differ from call to call: times, receipts, logs for TensorBoard. */
import { basename, dirname, join } from "node:path";
import { sha256 } from "../lib/files/mod.ts";

/** Hashes by path. */
export type Contents = ReadonlyMap<string, string>;

const PASSING = /(^|\/)(receipt\.json|[^/]*\.receipt\.json|\.lock|tensorboard)(\/|$)/;
const CLOCK = /,"(seconds|images_per_second|data_wait_fraction)":[^,}]*/g;

/** All files at a path or below it, seen from the folder that it is in; nothing where nothing is. */
async function filesAt(folder: string, name: string): Promise<string[]> {
  const info = await Deno.lstat(join(folder, name)).catch(() => undefined);
  if (info === undefined) return [];
  if (!info.isDirectory) return [name];
  const found: string[] = [];
  for await (const entry of Deno.readDir(join(folder, name))) {
    found.push(...await filesAt(folder, `${name}/${entry.name}`));
  }
  return found;
}

/** The content of a file or of a directory; names begin with its own. */
export async function contentsOf(path: string): Promise<Contents> {
  const contents = new Map<string, string>(), folder = dirname(path);
  for (const file of await filesAt(folder, basename(path))) {
    if (PASSING.test(file)) continue;
    const bytes = await Deno.readFile(join(folder, file));
    const timed = file.endsWith("metrics.jsonl");
    const text = timed ? new TextDecoder().decode(bytes).replace(CLOCK, "") : undefined;
    contents.set(file, sha256(text ?? bytes));
  }
  return contents;
}

/** Files that only one of two has, or that differ. */
export function differences(got: Contents, wanted: Contents): string[] {
  const names = new Set([...got.keys(), ...wanted.keys()]);
  return [...names].filter((name) => got.get(name) !== wanted.get(name)).sort();
}

/** Copies a file or folder with everything in it. */
export async function copy(from: string, to: string): Promise<void> {
  if (!(await Deno.stat(from)).isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await copy(join(from, name), join(to, name));
}
