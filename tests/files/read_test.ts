import assert from "node:assert/strict";
import { join } from "node:path";
import { readFully } from "../../lib/files/mod.ts";
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
