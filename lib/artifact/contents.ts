/** The files of an artefact: recorded when it is made, compared with the record later. */
import { join } from "node:path";
import { forEachConcurrently, sha256, sha256File, systemCode } from "../files/mod.ts";
import type { ArtifactKind, OutputRecord, OwnFile, Receipt } from "./receipt.ts";

const HASHES_IN_FLIGHT = 8;
const STATS_IN_FLIGHT = 32;

/**
 * Bytes that are hashed to decide on "up to date", the smallest files first: about a second. Other files are compared
 * by size, and by hash when they are read.
 */
const HASHED_BYTES = 1e9;

/** Paths of all files below a directory. */
export async function filesUnder(directory: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(directory, below))) {
    const path = below + name;
    if (isDirectory) found.push(...await filesUnder(directory, `${path}/`));
    else found.push(path);
  }
  return found;
}

/** Lists and hashes what a stage has just written. */
export async function recordOutput(path: string, kind: ArtifactKind): Promise<OutputRecord> {
  if (kind === "file") {
    return { files: 1, bytes: (await Deno.stat(path)).size, sha256: await sha256File(path) };
  }
  const paths = (await filesUnder(path)).sort((a, b) => (a < b ? -1 : 1));
  const contents: OwnFile[] = Array(paths.length);
  await forEachConcurrently(paths.entries(), async ([index, own]) => {
    const file = join(path, own);
    const [{ size: bytes }, hash] = [await Deno.stat(file), await sha256File(file)];
    contents[index] = { path: own, bytes, sha256: hash };
  }, { inFlight: HASHES_IN_FLIGHT });
  return {
    files: contents.length,
    bytes: contents.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256: sha256(contents.map((file) => `${file.sha256}  ${file.path}\n`).join("")),
    contents,
  };
}

/** The own files that a receipt lists; `undefined`: it is of an older version and of a directory. */
export function ownFilesOf(
  { output }: Receipt,
  { kind, name }: { readonly kind: ArtifactKind; readonly name: string },
): readonly OwnFile[] | undefined {
  if (kind === "directory") return output.contents;
  return [{ path: name, bytes: output.bytes, sha256: output.sha256 }];
}

/** What is wrong with own files, by name, in the order of the receipt. */
export interface Condition {
  readonly missing: readonly string[];
  /** Files that end early. */
  readonly short: readonly string[];
  /** Files with other bytes: edited, or damaged on the disk. */
  readonly changed: readonly string[];
}

/** Whether all own files exist, unchanged. */
export function isIntact({ missing, short, changed }: Condition): boolean {
  return missing.length + short.length + changed.length === 0;
}

/** Size of a file; `undefined` when there is nothing, `NaN` when there is something that is no file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const { isFile, size } = await Deno.stat(path);
    return isFile ? size : NaN;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/**
 * Compares own files with their receipt.
 *
 * @param root the directory that their paths start at
 * @param former former contents, left where a move was interrupted: such a file counts as missing
 */
export async function conditionOf(
  root: string,
  contents: readonly OwnFile[],
  former?: readonly OwnFile[],
): Promise<Condition> {
  const sizes = new Map<OwnFile, number | undefined>();
  await forEachConcurrently(contents, async (own) => {
    sizes.set(own, await sizeOf(join(root, own.path)));
  }, { inFlight: STATS_IN_FLIGHT });
  const verdicts = new Map<OwnFile, keyof Condition>();
  const toHash: OwnFile[] = [];
  let budget = former === undefined ? HASHED_BYTES : Infinity;
  for (const own of contents.toSorted((a, b) => a.bytes - b.bytes)) {
    const size = sizes.get(own);
    if (size === undefined) verdicts.set(own, "missing");
    else if (former === undefined && size < own.bytes) verdicts.set(own, "short");
    else if (former === undefined && size !== own.bytes) verdicts.set(own, "changed");
    else if ((budget -= own.bytes) >= 0) toHash.push(own);
  }
  const formerHashes = new Set(former?.map(({ path, sha256 }) => `${sha256} ${path}`));
  await forEachConcurrently(toHash, async (own) => {
    const got = Number.isNaN(sizes.get(own)) ? "" : await sha256File(join(root, own.path));
    if (got === own.sha256) return;
    if (formerHashes.has(`${got} ${own.path}`)) verdicts.set(own, "missing");
    else verdicts.set(own, sizes.get(own)! < own.bytes ? "short" : "changed");
  }, { inFlight: HASHES_IN_FLIGHT });
  const named = (verdict: keyof Condition) =>
    contents.filter((own) => verdicts.get(own) === verdict).map(({ path }) => path);
  return { missing: named("missing"), short: named("short"), changed: named("changed") };
}
