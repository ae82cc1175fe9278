import assert from "node:assert/strict";
import { join } from "node:path";
import { Failure } from "../../lib/failure.ts";
import { holdLock } from "../../lib/files/mod.ts";
import { withFolder } from "../folder.ts";

Deno.test("holdLock() refuses a second holder and names the first", () =>
  withFolder(async (folder) => {
    const path = join(folder, ".out.lock");
    await using _held = await holdLock(path, "out", { removeAfter: () => true, say: () => {} });
    await assert.rejects(
      holdLock(path, "out", { removeAfter: () => true, say: () => {} }),
      new Failure(
        "output",
        `Cannot write "out": another process (process ${Deno.pid}) is working on it, ` +
          `wait for it to end or give another --out`,
      ),
    );
  }));

Deno.test("holdLock() frees the lock when it is disposed, and removes the file only when asked", () =>
  withFolder(async (folder) => {
    const path = join(folder, "lock");
    for (const removeAfter of [false, true]) {
      {
        await using _held = await holdLock(path, "out", {
          removeAfter: () => removeAfter,
          say: () => {},
        });
      }
      assert.equal(await Deno.stat(path).then(() => true, () => false), !removeAfter);
    }
  }));

Deno.test("holdLock() takes over the file of a process that is gone", () =>
  withFolder(async (folder) => {
    const path = join(folder, "lock");
    await Deno.writeTextFile(path, "process 999999999 and a longer text than the new one\n");
    await using _held = await holdLock(path, "out", { removeAfter: () => true, say: () => {} });
    assert.equal(await Deno.readTextFile(path), `process ${Deno.pid}\n`);
  }));

Deno.test("holdLock() takes back what it gave back, while other threads start processes", () =>
  withFolder(async (folder) => {
    const path = join(folder, "lock");
    // Until a new process has begun its program, it holds what its parent has open, locks included.
    const starting = `for (;;) new Deno.Command(${JSON.stringify(Deno.execPath())}, {
      args: ["--version"], stdout: "null" }).outputSync();`;
    const worker = new Worker(`data:text/javascript,${encodeURIComponent(starting)}`, {
      type: "module",
    });
    try {
      for (let time = 0; time < 400; time++) {
        await using _held = await holdLock(path, "out", {
          removeAfter: () => false,
          say: () => {},
        });
      }
    } finally {
      worker.terminate();
    }
  }));

Deno.test("holdLock() lets one of many callers in at a time", () =>
  withFolder(async (folder) => {
    const path = join(folder, "lock");
    let inside = 0, entered = 0;
    async function enter(): Promise<void> {
      for (;;) {
        try {
          await using _held = await holdLock(path, "out", {
            removeAfter: () => true,
            say: () => {},
          });
          assert.equal(++inside, 1);
          entered++;
          await new Promise((resolve) => setTimeout(resolve, 1));
          inside--;
          return;
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
    }
    await Promise.all(Array.from({ length: 12 }, enter));
    assert.equal(entered, 12);
  }));

Deno.test("holdLock() names a folder that does not exist or is not writable", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "file"), "");
    const file = join(folder, "file");
    await assert.rejects(
      holdLock(join(file, "lock"), "out", { removeAfter: () => true, say: () => {} }),
      {
        name: "Failure",
        message:
          `Cannot write "out": a part of the path is a file, not a directory (in "${file}"), ` +
          "give another --out",
      },
    );
  }));
