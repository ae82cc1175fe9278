import assert from "node:assert/strict";
import { join } from "node:path";
import { expectFewBad } from "../../lib/data/quarantine.ts";
import { withFolder } from "../folder.ts";

const BAD = [{ path: "a.jpg", reason: "empty" }, { path: "b.jpg", reason: "empty" }];
const LINES = '{"path":"a.jpg","reason":"empty"}\n{"path":"b.jpg","reason":"empty"}\n';

function refusal(rest: string): RegExp {
  return new RegExp(`2 of 4 images are bad, .*; ${rest.replaceAll(/[.()]/g, "\\$&")}$`);
}

Deno.test("expectFewBad() writes the list beside the output, replaces its own and removes it", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out"), list = `${out}.quarantine.jsonl`;
    const limit = { total: 4, out, maxBadFraction: 0.1 };
    for (const bad of [BAD, BAD.slice(0, 2)]) {
      await assert.rejects(expectFewBad(bad, limit), refusal(`all are listed in "${list}"`));
      assert.equal(await Deno.readTextFile(list), LINES);
    }
    await expectFewBad([], limit);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("expectFewBad() leaves another file of that name and links alone", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out"), list = `${out}.quarantine.jsonl`;
    const limit = { total: 4, out, maxBadFraction: 0.1 };
    const victim = join(folder, "victim");
    await Deno.writeTextFile(victim, LINES);
    for (
      const put of [
        () => Deno.writeTextFile(list, "my notes\n"),
        () => Deno.writeTextFile(list, '{"path":"a","reason":"b","mine":1}\n'),
        () => Deno.writeTextFile(list, ""),
        () => Deno.symlink(victim, list),
        () => Deno.mkdir(list),
      ]
    ) {
      await put();
      const before = await Deno.lstat(list);
      await assert.rejects(
        expectFewBad(BAD, limit),
        refusal(`they are not listed, since "${list}" is another file`),
      );
      await expectFewBad([], limit);
      const after = await Deno.lstat(list);
      assert.deepEqual([after.ino, after.size, after.mtime], [
        before.ino,
        before.size,
        before.mtime,
      ]);
      assert.equal(await Deno.readTextFile(victim), LINES);
      await Deno.remove(list, { recursive: true });
    }
  }));

Deno.test("expectFewBad() says why the images are bad where the list cannot be written", () =>
  withFolder(async (folder) => {
    const out = join(folder, "x".repeat(250));
    await assert.rejects(
      expectFewBad(BAD, { total: 4, out, maxBadFraction: 0.1 }),
      refusal(
        `they are not listed, since "${out}.quarantine.jsonl" is not writable (its name is too long ` +
          "for the file system)",
      ),
    );
  }));
