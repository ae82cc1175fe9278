import assert from "node:assert/strict";
import { join } from "node:path";
import * as v from "valibot";
import { readJson, readText } from "../../lib/files/mod.ts";
import { withFolder } from "../folder.ts";
import { tool } from "../tools.ts";

const HOW = { action: "start", advice: "write another" };

/** What reading a file as text and as JSON fails with, which must be the same. */
async function refusal(path: string): Promise<string> {
  const schema = v.record(v.string(), v.number());
  const outcomes = await Promise.allSettled([readText(path, HOW), readJson(path, schema, HOW)]);
  const messages = outcomes.map((outcome) => {
    assert.ok(outcome.status === "rejected");
    return `${outcome.reason.kind}: ${outcome.reason.message.replaceAll(path, "F")}`;
  });
  assert.equal(messages[0], messages[1]);
  return messages[0]!;
}

Deno.test("small files are read, with and without a byte order mark", () =>
  withFolder(async (folder) => {
    const path = join(folder, "config.json");
    for (const text of ['{"a":1}\n', '\ufeff{"a":1}\n']) {
      await Deno.writeTextFile(path, text);
      assert.equal(await readText(path, HOW), '{"a":1}\n');
      assert.deepEqual(await readJson(path, v.object({ a: v.number() }), HOW), { a: 1 });
    }
  }));

Deno.test("small files are refused alike, whatever is to be made of them", () =>
  withFolder(async (folder) => {
    const path = join(folder, "config.json");
    assert.equal(
      await refusal(join(path)),
      'missing: Cannot start: "F" does not exist, write another',
    );
    assert.equal(
      await refusal(folder),
      'missing: Cannot start: "F" is not readable (it is a directory)',
    );
    await Deno.writeTextFile(path, "");
    assert.equal(
      await refusal(join(path, "x")),
      'missing: Cannot start: "F" does not exist, write another',
    );
    await Deno.writeTextFile(path, "version https://git-lfs.github.com/spec/v1\nsize 1\n");
    assert.equal(
      await refusal(path),
      'data: Cannot start: "F" is a Git LFS pointer, run git lfs pull',
    );
    await Deno.truncate(path, 1e9);
    await assert.rejects(readText(path, { ...HOW, kind: "usage" }), {
      kind: "usage",
      message:
        `Cannot start: "${path}" has 1000000000 bytes, wanted at most 1000000, write another`,
    });
    await assert.rejects(readJson(path, v.unknown(), HOW), {
      kind: "data",
      message:
        `Cannot start: "${path}" has 1000000000 bytes, wanted at most 64000000, write another`,
    });
    await Deno.writeFile(path, new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]));
    await assert.rejects(readText(path, HOW), {
      kind: "data",
      message: `Cannot start: "${path}" is not UTF-8 text, write another`,
    });
    await assert.rejects(readJson(path, v.unknown(), HOW), {
      message: `Cannot start: "${path}" cannot be used: it is not UTF-8 text, write another`,
    });
    // Reading a pipe that nobody writes to would wait for ever.
    const pipe = join(folder, "pipe");
    if (await tool("mkfifo", [pipe]) === undefined) return;
    assert.equal(
      await refusal(pipe),
      'missing: Cannot start: "F" is not readable (it is a pipe or a device, wanted a file)',
    );
  }));
