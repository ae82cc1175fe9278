import assert from "node:assert/strict";
import { join } from "node:path";
import { makeArtifact } from "../../lib/artifact/mod.ts";
import { expectMovable } from "../../lib/artifact/movable.ts";
import { findTarget } from "../../lib/artifact/target.ts";
import { Failure } from "../../lib/failure.ts";
import { withFolder } from "../folder.ts";
import { directorySpec, fileSpec, PAGES, writeText, writing } from "./pressed.ts";

const FILES = Object.keys(PAGES).map((path) => ({ path, bytes: 1, sha256: "0".repeat(64) }));

/** A user for whom permissions count, and who owns what the test makes. */
const USER = Deno.uid() === 0 ? 12345 : Deno.uid()!;

async function give(path: string, mode: number): Promise<void> {
  if (Deno.uid() === 0) await Deno.chown(path, USER, USER);
  await Deno.chmod(path, mode);
}

function refusal(path: string): Failure {
  return new Failure(
    "output",
    `Cannot write "${path}": permission denied, give another --out or change its permissions`,
  );
}

Deno.test("expectMovable() names a directory that its owner has closed", () =>
  withFolder(async (folder) => {
    const { path } = directorySpec(folder);
    await makeArtifact(directorySpec(folder), writing(PAGES));
    const target = await findTarget(path, "directory"), pages = join(path, "pages");
    for (const inside of [path, pages]) await give(inside, 0o755);
    await expectMovable(target, FILES, USER);
    await Deno.chmod(pages, 0o555);
    await assert.rejects(expectMovable(target, FILES, USER), refusal(pages));
    await expectMovable(target, FILES, 0);
    await Deno.chmod(pages, 0o755);
  }));

Deno.test("expectMovable() names a file of another user in a directory that protects it, as /tmp does", () =>
  withFolder(async (folder) => {
    if (Deno.uid() !== 0) return console.log("skipped: files of another user need root");
    const { path } = fileSpec(folder);
    await makeArtifact(fileSpec(folder), writeText);
    await Deno.chmod(folder, 0o1777);
    const target = await findTarget(path, "file");
    const files = [{ path: target.name, bytes: 4, sha256: "0".repeat(64) }];
    await assert.rejects(expectMovable(target, files, USER), refusal(target.receipt));
    for (const own of [path, target.receipt]) await give(own, 0o644);
    await expectMovable(target, files, USER);
  }));
