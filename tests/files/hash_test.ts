import assert from "node:assert/strict";
import { join } from "node:path";
import { canonicalJson, sha256, sha256File } from "../../lib/files/mod.ts";
import { withFolder } from "../folder.ts";
import { tool } from "../tools.ts";

Deno.test("sha256() gives the hash of the standard's example", () => {
  assert.equal(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

Deno.test("sha256File() equals sha256() of the content, for files of no, one and several pieces", () =>
  withFolder(async (folder) => {
    for (const bytes of [0, 1, 1 << 20, (1 << 20) + 1, 2_500_000]) {
      const data = Uint8Array.from({ length: bytes }, (_, i) => i * 31);
      const path = join(folder, `${bytes}.bin`);
      await Deno.writeFile(path, data);
      assert.equal(await sha256File(path), sha256(data));
    }
  }));

Deno.test("sha256File() refuses a pipe, which nobody may ever write to, and a directory", () =>
  withFolder(async (folder) => {
    await assert.rejects(sha256File(folder), Deno.errors.IsADirectory);
    const pipe = join(folder, "pipe");
    if (await tool("mkfifo", [pipe]) === undefined) return;
    await assert.rejects(sha256File(pipe), { code: "EFTYPE" });
  }));

Deno.test("canonicalJson() does not depend on the order of keys, at any depth", () => {
  assert.equal(canonicalJson({ b: [{ d: 1, c: 2 }], a: null }), '{"a":null,"b":[{"c":2,"d":1}]}');
  assert.equal(canonicalJson({ b: 1, a: 2 }), canonicalJson({ a: 2, b: 1 }));
  assert.notEqual(canonicalJson([1, 2]), canonicalJson([2, 1]));
});
