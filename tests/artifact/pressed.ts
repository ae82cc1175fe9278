/** A small artefact for tests: a directory or a file, made by a stage called press. */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import type { ArtifactSpec } from "../../lib/artifact/mod.ts";
import { Failure } from "../../lib/failure.ts";

const SPEC = {
  stage: "press",
  version: "1.2.3",
  config: { pages: 2 },
  inputs: [{ path: "in", sha256: "abc" }],
  force: false,
} as const;

export function fileSpec(folder: string, changes: Partial<ArtifactSpec> = {}): ArtifactSpec {
  return { ...SPEC, kind: "file", path: join(folder, "out.bin"), ...changes };
}

export function directorySpec(folder: string, changes: Partial<ArtifactSpec> = {}): ArtifactSpec {
  return { ...SPEC, kind: "directory", path: join(folder, "out"), ...changes };
}

export async function writeText(path: string): Promise<object> {
  await Deno.writeTextFile(path, "text");
  return { words: 1 };
}

/** Files by path; `a` is longer than the others, so that it can be cut. */
export const PAGES: Readonly<Record<string, string>> = {
  "a": "the first page\n",
  "pages/b": "bb",
  "pages/c": "cc",
};

/** A builder of a directory with the given files. */
export function writing(files: Readonly<Record<string, string>>) {
  return async (path: string): Promise<object> => {
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(join(path, name, ".."), { recursive: true });
      await Deno.writeTextFile(join(path, name), text);
    }
    return { pages: Object.keys(files).length };
  };
}

export function neverBuild(): Promise<object> {
  throw new Error("built again");
}

/** Every file below a folder with its text; of a link, where it leads. */
export function snapshot(folder: string, below = folder): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, isDirectory, isSymlink } of Deno.readDirSync(below)) {
    const path = join(below, name), key = relative(folder, path);
    if (isDirectory) Object.assign(found, snapshot(folder, path));
    else found[key] = isSymlink ? `-> ${Deno.readLinkSync(path)}` : Deno.readTextFileSync(path);
  }
  return found;
}

/** Expects a refusal of an output. */
export async function refuses(
  attempt: Promise<unknown>,
  path: string,
  what: string,
): Promise<void> {
  await assert.rejects(attempt, new Failure("output", `Cannot write "${path}": ${what}`));
}
