import assert from "node:assert/strict";
import { join } from "node:path";
import { buildLibrary } from "../../../lib/runtime/native/build.ts";
import type { Place } from "../../../lib/runtime/native/cache.ts";
import { findCompiler } from "../../../lib/runtime/native/compiler.ts";
import { withFolder } from "../../folder.ts";
import { ROOT } from "../../run_stage.ts";
import { NATIVE, testOn } from "../../runtimes.ts";
import { withDisk } from "../../small_disk.ts";
import { tool } from "../../tools.ts";
import { describedRuntime } from "./described.ts";

const SOURCE = "int answer(void) { return 42; }\n";
const SYMBOLS = { answer: { parameters: [], result: "i32" } } as const;

/** A compiler that must not be called. */
const NONE = { command: "false" };

/** A test with an empty folder, where there is a compiler. */
function testIn(title: string, body: (folder: string) => Promise<void>): void {
  testOn(NATIVE, title, () => withFolder(body));
}

/** Builds a library in places that are tried one after another, and calls it. */
async function build(
  places: readonly Place[],
  { source = SOURCE, ...more }: { readonly source?: string; readonly command?: string } = {},
): Promise<number> {
  const compiler = { ...await findCompiler(), ...more };
  const library = await buildLibrary(compiler, new Map([["answer.c", source]]), {
    symbols: SYMBOLS,
    places,
  });
  const answer = library.symbols.answer();
  library.close();
  return answer;
}

function placeAt(path: string): Place {
  return { path, mode: 0o700 };
}

function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

/** A command that starts another one where the installed cache is empty and cannot be written. */
async function withoutInstalledCache(): Promise<readonly string[] | undefined> {
  if (await tool("unshare", ["-m", "true"]) === undefined) return undefined;
  const cache = join(ROOT, "node_modules/.cache");
  await Deno.mkdir(cache, { recursive: true });
  const mount = `mount -t tmpfs none '${cache}' && mount -o remount,ro '${cache}' && exec "$@"`;
  return ["unshare", "-m", "sh", "-c", mount, "sh"];
}

testIn("a library is made once, also when two want it at the same time", async (folder) => {
  const places = [placeAt(join(folder, "a/b"))];
  assert.deepEqual(await Promise.all([build(places), build(places)]), [42, 42]);
  const [name, ...others] = namesIn(join(folder, "a/b"));
  assert.match(name!, /^[0-9a-f]{32}-[0-9a-f]{64}\.so$/);
  assert.deepEqual(others, []);
  assert.equal(await build(places, NONE), 42);
  // Another source makes another one.
  assert.equal(await build(places, { source: SOURCE.replace("42", "43") }), 43);
  assert.equal(namesIn(join(folder, "a/b")).length, 2);
  assert.equal(await build(places, NONE), 42);
});

testIn("a library that was cut short or changed is made again", async (folder) => {
  const places = [placeAt(folder)];
  await build(places);
  const path = join(folder, namesIn(folder)[0]!), whole = await Deno.readFile(path);
  const flipped = whole.with(whole.length >> 1, whole[whole.length >> 1]! ^ 1);
  const longer = [...whole, 0];
  for (const other of [[], whole.slice(0, 5000), whole.slice(0, -1), flipped, longer]) {
    await Deno.writeFile(path, Uint8Array.from(other));
    assert.equal(await build(places), 42);
    assert.equal(await build(places, NONE), 42);
    assert.equal(namesIn(folder).length, 1);
  }
  // Names of nothing that was made here are left alone.
  await Deno.writeTextFile(join(folder, "notes.so"), "mine");
  await build(places);
  assert.ok(namesIn(folder).includes("notes.so"));
});

testIn("what was not used for long goes when something new is kept", async (folder) => {
  const places = [placeAt(folder)], other = SOURCE.replace("42", "43");
  await build(places);
  const [old] = namesIn(folder) as [string];
  const age = () => Deno.utime(join(folder, old), new Date(0), new Date(0));
  await age();
  // Each use keeps it.
  await build(places, NONE);
  await build(places, { source: other });
  assert.ok(namesIn(folder).includes(old));
  await age();
  await build(places, { source: SOURCE.replace("42", "44") });
  assert.ok(!namesIn(folder).includes(old));
  assert.equal(namesIn(folder).length, 2);
  assert.equal(await build(places), 42);
});

testIn("what others could write is not loaded: the next place is used", async (folder) => {
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  const places = [placeAt(first), placeAt(second)];
  const isRoot = Deno.uid() === 0;
  const changes: ((path: string) => Promise<void>)[] = [
    () => Deno.chmod(first, 0o777),
    () => Deno.chmod(first, 0o770),
    (path) => Deno.chmod(path, 0o666),
    (path) => Deno.chmod(path, 0o664),
    async (path) => {
      await Deno.rename(path, join(folder, "elsewhere.so"));
      await Deno.symlink(join(folder, "elsewhere.so"), path);
    },
    ...isRoot ? [() => Deno.chown(first, 12345, 12345)] : [],
    ...isRoot ? [(path: string) => Deno.chown(path, 12345, 12345)] : [],
  ];
  for (const [i, change] of changes.entries()) {
    await build(places);
    assert.deepEqual([namesIn(first).length, namesIn(folder).includes("second")], [1, false]);
    await change(join(first, namesIn(first)[0]!));
    assert.equal(await build(places), 42, `${i}`);
    assert.equal(namesIn(second).length, 1, `${i}`);
    for (const each of [first, second]) await Deno.remove(each, { recursive: true });
  }
  await build(places);
  // Nor from a folder that everybody could put in its place.
  await Deno.chmod(folder, 0o777);
  await assert.rejects(build(places, NONE), { message: /others may write/ });
  // Where only the owners of entries replace them, as in /tmp, nobody can.
  await Deno.chmod(folder, 0o1777);
  assert.equal(await build(places, NONE), 42);
});

testIn("what is made cannot be written by others, whatever the process allows", async (folder) => {
  const before = Deno.umask(0);
  try {
    const places = [placeAt(join(folder, "a/b"))];
    await build(places);
    assert.equal(await build(places, NONE), 42);
  } finally {
    Deno.umask(before);
  }
});

testIn("a place that is full, or where nothing may be executed, is left out", async (folder) => {
  const disk = join(folder, "disk"), below = join(disk, "cache"), other = join(folder, "other");
  const places = [placeAt(below), placeAt(other)];
  await withDisk(disk, "size=8k", async () => {
    assert.equal(await build(places), 42);
    assert.deepEqual(namesIn(below), []);
    await Deno.remove(other, { recursive: true });
  });
  await withDisk(disk, "noexec", async () => {
    for (const more of [{}, NONE]) assert.equal(await build(places, more), 42);
    assert.deepEqual(namesIn(below), namesIn(other));
    await assert.rejects(build([placeAt(below)]), { message: /\(.*failed to map segment.*\)/ });
  });
});

testIn("where no place is usable, each reason is given", async (folder) => {
  const file = join(folder, "file");
  await Deno.writeTextFile(file, "");
  await assert.rejects(build([placeAt(file), placeAt(join(file, "below"))]), {
    kind: "unavailable",
    message:
      `Cannot compile for this machine: no place for its libraries (${file}: something else ` +
      `is in its place; ${file}/below: a part of the path is a file, not a directory), ` +
      "use --runtime onnx",
  });
  const prefix = await withoutInstalledCache();
  if (prefix === undefined) return;
  const env = { TMPDIR: join(folder, "none"), XDG_CACHE_HOME: file };
  assert.match(
    await describedRuntime("auto", { env, prefix }),
    /^onnx: .*libraries \(.*ijepa-native: the file system is read-only; .*; the temporary folder: it does not exist\)\)$/m,
  );
});

testIn("a temporary folder is gone once its library is loaded", async (folder) => {
  const prefix = await withoutInstalledCache();
  if (prefix === undefined) return;
  const file = join(folder, "file"), temporary = join(folder, "temporary");
  await Deno.writeTextFile(file, "");
  await Deno.mkdir(temporary);
  const env = { TMPDIR: temporary, XDG_CACHE_HOME: file };
  assert.match(await describedRuntime("native", { env, prefix }), /^native: compiled/);
  assert.deepEqual(namesIn(temporary), []);
});

testIn("another user than the one who installed has a folder of their own", async (folder) => {
  const user = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"];
  if (await tool("setpriv", [...user.slice(1), "true"]) === undefined) return;
  const prefix = await withoutInstalledCache();
  if (prefix === undefined) return;
  const home = join(folder, "home"), own = join(home, ".cache/ijepa/native");
  await Deno.chmod(folder, 0o755);
  await Deno.mkdir(home);
  await Deno.chown(home, 12345, 12345);
  const started = { env: { HOME: home, XDG_CACHE_HOME: "" }, prefix: [...prefix, ...user] };
  assert.match(await describedRuntime("native", started), /^native: compiled/);
  assert.equal(namesIn(own).length, 1);
  assert.equal((await Deno.stat(own)).mode! & 0o777, 0o700);
});
