import assert from "node:assert/strict";
import { join } from "node:path";
import { openInput, readFully } from "../../lib/files/mod.ts";
import { withFolder } from "../folder.ts";

Deno.test("readFully() fills a buffer from anywhere in a file, or says that the file ends before", () =>
  withFolder(async (folder) => {
    const path = join(folder, "ten.bin");
    await Deno.writeFile(path, Uint8Array.from({ length: 10 }, (_, i) => i));
    using file = await Deno.open(path);
    const buffer = new Uint8Array(3);
    assert.equal(await readFully(file, buffer), true);
    assert.deepEqual([...buffer], [0, 1, 2]);
    assert.equal(await readFully(file, buffer), true, "goes on where it stands");
    assert.deepEqual([...buffer], [3, 4, 5]);
    assert.equal(await readFully(file, buffer, 7), true);
    assert.deepEqual([...buffer], [7, 8, 9]);
    assert.equal(await readFully(file, buffer, 8), false);
    assert.equal(await readFully(file, buffer, 20), false);
    assert.equal(await readFully(file, new Uint8Array(0), 10), true);
  }));

Deno.test("openInput() refuses what is no file before it is opened, and says what it is", () =>
  withFolder(async (folder) => {
    const refused = async (path: string, kind: string, why: string) =>
      await assert.rejects(openInput(path), {
        name: "Failure",
        kind,
        message: `Cannot read "${path}": it ${why}`,
      });
    await refused(join(folder, "none"), "missing", "does not exist, check the path");
    await refused(folder, "missing", "is not readable (it is a directory)");
    // A pipe that nobody writes to would never open.
    const pipe = join(folder, "pipe");
    const made = await new Deno.Command("mkfifo", { args: [pipe] }).output().catch(() => undefined);
    if (made?.success) {
      await refused(pipe, "missing", "is not readable (it is a pipe or a device, wanted a file)");
    } else console.log("not tried with a pipe: there is no mkfifo");
    const pointer = join(folder, "model.safetensors");
    await Deno.writeTextFile(
      pointer,
      "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n",
    );
    await refused(
      pointer,
      "data",
      "is a Git LFS pointer, run git lfs pull",
    );
    await Deno.writeTextFile(pointer, "version https");
    using file = await openInput(pointer);
    const start = new Uint8Array(7);
    assert.ok(await readFully(file, start), "stands at the beginning");
    assert.equal(new TextDecoder().decode(start), "version");
  }));
