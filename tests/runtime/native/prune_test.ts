import assert from "node:assert/strict";
import { join } from "node:path";
import { noteUse, removeUnused } from "../../../lib/runtime/native/prune.ts";
import { withFolder } from "../../folder.ts";

const DAY = 24 * 60 * 60 * 1000;

/** The name of a library. */
function nameOf(number: number): string {
  const digits = number.toString(16);
  return `${digits.padStart(32, "0")}-${digits.padStart(64, "0")}.so`;
}

/** Writes a file that was written and read so many days ago. */
async function write(
  path: string,
  { written, read = written }: { written: number; read?: number },
) {
  await Deno.writeTextFile(path, "");
  await Deno.utime(path, new Date(Date.now() - read * DAY), new Date(Date.now() - written * DAY));
}

function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

Deno.test("removeUnused() removes what was not used for 90 days", () =>
  withFolder(async (folder) => {
    await write(join(folder, nameOf(1)), { written: 91 });
    await write(join(folder, nameOf(2)), { written: 89 });
    await write(join(folder, nameOf(3)), { written: 300, read: 89 });
    await write(join(folder, nameOf(4)), { written: 0, read: 300 });
    await write(join(folder, nameOf(5)), { written: -3 });
    await removeUnused(folder);
    assert.deepEqual(namesIn(folder), [2, 3, 4, 5].map(nameOf));
  }));

Deno.test("removeUnused() leaves everything alone that is not this user's library", () =>
  withFolder(async (folder) => {
    const old = nameOf(1),
      others = [
        "notes.so",
        "notes.txt",
        old.slice(1),
        `${old}.bak`,
        `.${old}`,
        old.replace("0", "G"),
      ];
    for (const name of others) await write(join(folder, name), { written: 1000 });
    await Deno.mkdir(join(folder, nameOf(2)));
    await Deno.utime(join(folder, nameOf(2)), 0, 0);
    await Deno.symlink(join(folder, "notes.so"), join(folder, nameOf(3)));
    if (Deno.uid() === 0) {
      await write(join(folder, nameOf(4)), { written: 1000 });
      await Deno.chown(join(folder, nameOf(4)), 12345, 12345);
    }
    const before = namesIn(folder);
    await removeUnused(folder);
    assert.deepEqual(namesIn(folder), before);
  }));

Deno.test("removeUnused() keeps 1,000 libraries, and all that may still be loaded", () =>
  withFolder(async (folder) => {
    for (let i = 0; i < 1020; i++) {
      await write(join(folder, nameOf(i)), { written: i < 15 ? 60 - i : 20 });
    }
    await removeUnused(folder);
    // Twenty too many, of which fifteen are old enough.
    assert.deepEqual(namesIn(folder), Array.from({ length: 1005 }, (_, i) => nameOf(i + 15)));
  }));

Deno.test("removeUnused() and noteUse() never fail", () =>
  withFolder(async (folder) => {
    await removeUnused(join(folder, "none"));
    await noteUse(join(folder, "none"));
  }));

Deno.test("noteUse() keeps a library from being removed, and writes once a day", () =>
  withFolder(async (folder) => {
    const path = join(folder, nameOf(1)), timeOf = () => Deno.statSync(path).mtime!.getTime();
    await write(path, { written: 91 });
    await noteUse(path);
    assert.ok(Date.now() - timeOf() < DAY / 2);
    await removeUnused(folder);
    assert.deepEqual(namesIn(folder), [nameOf(1)]);
    await write(path, { written: 0.9 });
    const before = timeOf();
    await noteUse(path);
    assert.equal(timeOf(), before);
  }));
