import assert from "node:assert/strict";
import { join } from "node:path";
import { Failure } from "../../lib/failure.ts";
import {
  forEachConcurrently,
  outputFailure,
  syncPath,
  writeFileAtomically,
} from "../../lib/files/mod.ts";
import { withFolder } from "../folder.ts";

Deno.test("writeFileAtomically() replaces a file and leaves nothing beside it", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.json");
    await writeFileAtomically(path, "one");
    await writeFileAtomically(path, "two");
    assert.equal(await Deno.readTextFile(path), "two");
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.json"]);
  }));

Deno.test("writeFileAtomically() keeps the old file when the new one cannot be moved there", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a");
    await Deno.mkdir(join(path, "inside"), { recursive: true });
    await assert.rejects(writeFileAtomically(path, "text"));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["a"]);
  }));

Deno.test("writeFileAtomically() names a place that is not writable", () =>
  withFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const path = join(file, "inside.json");
    await assert.rejects(
      writeFileAtomically(path, "text"),
      new Failure(
        "output",
        `Cannot write "${path}": a part of the path is a file, not a directory, give another --out`,
      ),
    );
  }));

Deno.test("outputFailure() has a true sentence for every error of the system", () => {
  const of = (code: string) =>
    outputFailure("out", Object.assign(new Error(`${code}: failed`), { code }));
  const texts = {
    ENOSPC: 'Cannot write "out": the disk is full, free some space and run the command again',
    EFBIG: 'Cannot write "out": the file would be larger than the system allows, ' +
      "raise ulimit -f or give another --out",
    EDQUOT: 'Cannot write "out": the quota is used up, free some space and run the command again',
    EROFS: 'Cannot write "out": the file system is read-only, give another --out',
    EACCES: 'Cannot write "out": permission denied, give another --out or change its permissions',
    EIO:
      'Cannot write "out": the disk reports an error (EIO), check the disk or give another --out',
    ESTALE:
      'Cannot write "out": the network file system has lost it (ESTALE), run the command again',
    EBUSY: 'Cannot write "out": it is in use or a mount point, give another --out',
    EBADMSG: 'Cannot write "out": the system says EBADMSG, give another --out',
    EEXIST: 'Cannot write "out": something else is in its place, remove that or give another --out',
  };
  for (const [code, text] of Object.entries(texts)) {
    const failure = of(code);
    assert.ok(failure instanceof Failure);
    assert.equal(failure.kind, "output");
    assert.equal(failure.message, text);
  }
  const other = new Error("unrelated");
  assert.equal(outputFailure("out", other), other);
});

Deno.test("syncPath() walks nested folders and passes links over", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(join(folder, "a/b"), { recursive: true });
    for (let i = 0; i < 40; i++) await Deno.writeTextFile(join(folder, "a/b", `${i}`), "x");
    await Deno.symlink("nowhere", join(folder, "link"));
    await syncPath(folder);
    await assert.rejects(syncPath(join(folder, "missing")), Deno.errors.NotFound);
  }));

Deno.test("forEachConcurrently() runs every item once, never more at a time than asked", async () => {
  const done: number[] = [];
  let running = 0, most = 0;
  await forEachConcurrently(Array(50).keys(), async (item) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, item % 3));
    running--;
    done.push(item);
  }, { inFlight: 4 });
  assert.equal(most, 4);
  assert.deepEqual(done.sort((a, b) => a - b), [...Array(50).keys()]);
});

Deno.test("forEachConcurrently() passes the first failure on", async () => {
  await assert.rejects(
    forEachConcurrently([1, 2, 3], (item) => Promise.reject(new Error(`item ${item}`)), {
      inFlight: 2,
    }),
    /item 1/,
  );
});

Deno.test("forEachConcurrently() begins nothing after a failure, and waits for what has begun", async () => {
  const begun: number[] = [];
  let running = 0;
  await assert.rejects(
    forEachConcurrently([0, 1, 2, 3, 4, 5], async (item) => {
      begun.push(item);
      running++;
      await new Promise((resolve) => setTimeout(resolve, item === 0 ? 0 : 20));
      running--;
      if (item === 0) throw new Error("item 0");
    }, { inFlight: 3 }),
    /item 0/,
  );
  assert.deepEqual([begun, running], [[0, 1, 2], 0]);
});
