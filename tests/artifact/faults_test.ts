/** Artefacts on file systems that refuse, fail or cannot. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../folder.ts";
import { runTraced, straceWorks } from "../stracing.ts";
import { PRESS, pressArtifact } from "./press_artifact.ts";
import { snapshot } from "./pressed.ts";

const RENAMES = ["rename", "renameat", "renameat2"], SYNCS = ["fsync", "fdatasync"];

function command(out: string): string[] {
  return [...PRESS, "file", out, "new", "force"];
}

for (const code of ["ENOLCK", "ENOSYS", "EOPNOTSUPP"]) {
  Deno.test(`a file system without locks (${code}) is told, and the work goes on`, async () => {
    if (!await straceWorks()) return;
    await withFolder(async (folder) => {
      const out = join(folder, "out");
      const { success, text } = await runTraced(["flock"], {
        injecting: `error=${code}`,
        command: command(out),
      });
      assert.ok(success, text);
      assert.match(
        text,
        /^press: the file system has no locks: let nothing else write ".*\/out" meanwhile$/m,
      );
      assert.deepEqual(Object.keys(snapshot(folder)).sort(), ["out", "out.receipt.json"]);
    });
  });
}

for (
  const [what, calls, injecting, sentence] of [
    [
      "a disk that fails to sync",
      SYNCS,
      "error=EIO",
      "the disk reports an error (EIO), check the disk or give another --out",
    ],
    [
      "a network file system that has lost the file",
      RENAMES,
      "error=ESTALE",
      "the network file system has lost it (ESTALE), run the command again",
    ],
    [
      "a quota that ends while files are moved into place",
      RENAMES,
      "error=EDQUOT:when=2",
      "the quota is used up, free some space and run the command again",
    ],
    [
      "a file that is a mount point",
      RENAMES,
      "error=EBUSY:when=2",
      "it is in use or a mount point, give another --out",
    ],
  ] as const
) {
  Deno.test(`${what} is told, and the same command goes on`, async () => {
    if (!await straceWorks()) return;
    await withFolder(async (folder) => {
      const out = join(folder, "out");
      await pressArtifact("file", out, { text: "old", force: false });
      const { success, text } = await runTraced(calls, { injecting, command: command(out) });
      assert.ok(!success);
      assert.equal(text, `Cannot write "${out}": ${sentence}\n`);
      assert.equal(await Deno.readTextFile(out), "old");
      await pressArtifact("file", out, { text: "new", force: true });
      assert.equal(await Deno.readTextFile(out), "new");
      assert.deepEqual(Object.keys(snapshot(folder)).sort(), ["out", "out.receipt.json"]);
    });
  });
}

Deno.test("a file system that cannot sync (EINVAL) is no reason to fail", async () => {
  if (!await straceWorks()) return;
  await withFolder(async (folder) => {
    const out = join(folder, "out");
    const tampering = { injecting: "error=EINVAL", command: command(out) };
    const { success, text } = await runTraced(SYNCS, tampering);
    assert.ok(success, text);
    assert.equal(await Deno.readTextFile(out), "new");
  });
});
