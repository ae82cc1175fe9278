/** What is the tool's and what is a person's in an output directory. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { makeArtifact } from "../../lib/artifact/mod.ts";
import { Failure } from "../../lib/failure.ts";
import { withFolder } from "../folder.ts";
import {
  directorySpec,
  fileSpec,
  neverBuild,
  PAGES,
  snapshot,
  writeText,
  writing,
} from "./pressed.ts";

const FOREIGN: Readonly<Record<string, string>> = {
  ".git/HEAD": "ref: refs/heads/main",
  ".DS_Store": "\u0000",
  "notes.txt": "mine",
  "pages/note": "also mine",
};

async function put(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(folder, name)), { recursive: true });
    await Deno.writeTextFile(join(folder, name), text);
  }
}

/** The files of a snapshot that are named. */
function only(files: Record<string, string>, names: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.keys(names).map((name) => [name, files[name]]));
}

function refusal(path: string, what: string): Failure {
  return new Failure("output", `Cannot write "${path}": ${what}`);
}

const CHANGED_A = "a differs from its receipt, pass --force to make it again or give another --out";

Deno.test("foreign files are no damage and stay, when files are made again and under force too", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await makeArtifact(spec, writing(PAGES));
    await put(spec.path, FOREIGN);
    assert.equal((await makeArtifact(spec, neverBuild)).status, "up to date");
    await Deno.remove(join(spec.path, "a"));
    await makeArtifact(spec, writing(PAGES));
    assert.deepEqual(only(snapshot(spec.path), { ...PAGES, ...FOREIGN }), { ...PAGES, ...FOREIGN });
    await makeArtifact({ ...spec, config: {}, force: true }, writing({ "a": "new" }));
    const { "receipt.json": _, ...rest } = snapshot(spec.path);
    assert.deepEqual(rest, { "a": "new", ...FOREIGN });
  }));

for (
  const [how, text] of Object.entries({
    longer: PAGES["a"] + "## Ours\n",
    "of the same length": PAGES["a"]!.toUpperCase(),
    "shorter, not just cut": "The first",
  })
) {
  Deno.test(`an own file edited to be ${how} is named, refused, and replaced with force`, () =>
    withFolder(async (folder) => {
      const spec = directorySpec(folder);
      await makeArtifact(spec, writing(PAGES));
      await put(spec.path, { a: text });
      const before = snapshot(spec.path);
      await assert.rejects(makeArtifact(spec, writing(PAGES)), refusal(spec.path, CHANGED_A));
      assert.deepEqual(snapshot(spec.path), before);
      await makeArtifact({ ...spec, force: true }, writing(PAGES));
      assert.deepEqual(only(snapshot(spec.path), PAGES), PAGES);
    }));
}

Deno.test("a changed file is refused before the work, with the others that are changed", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    const files = Object.fromEntries([..."abcde"].map((name) => [name, name]));
    await makeArtifact(spec, writing(files));
    await put(spec.path, Object.fromEntries(Object.keys(files).map((name) => [name, "other"])));
    await assert.rejects(
      makeArtifact(spec, neverBuild),
      refusal(
        spec.path,
        "a, b, c and 2 more differ from their receipt, pass --force to make them again or give " +
          "another --out",
      ),
    );
  }));

Deno.test("a changed file beside its receipt is refused, and replaced with force", () =>
  withFolder(async (folder) => {
    const spec = fileSpec(folder);
    await makeArtifact(spec, writeText);
    await Deno.writeTextFile(spec.path, "text and more");
    await assert.rejects(
      makeArtifact(spec, neverBuild),
      refusal(
        spec.path,
        "out.bin differs from its receipt, pass --force to make it again or give another --out",
      ),
    );
    await makeArtifact({ ...spec, force: true }, writeText);
    assert.equal(await Deno.readTextFile(spec.path), "text");
  }));

Deno.test("a file that is made again leaves the others alone, to the minute", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await makeArtifact(spec, writing(PAGES));
    const past = new Date("2020-01-01");
    await Deno.utime(join(spec.path, "pages/b"), past, past);
    await Deno.truncate(join(spec.path, "a"), 3);
    await makeArtifact(spec, writing(PAGES));
    assert.deepEqual((await Deno.stat(join(spec.path, "pages/b"))).mtime, past);
  }));

Deno.test("what is no longer made goes, unless it was changed or something lies beside it", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    const more = { ...PAGES, "old/x": "x", "old/y": "y", "older/z": "z" };
    await makeArtifact(spec, writing(more));
    await put(spec.path, { "old/y": "mine now", "pages/note": "mine" });
    await makeArtifact({ ...spec, force: true }, writing({ a: "new" }));
    const { "receipt.json": _, ...rest } = snapshot(spec.path);
    assert.deepEqual(rest, { a: "new", "old/y": "mine now", "pages/note": "mine" });
    await assert.rejects(Deno.stat(join(spec.path, "older")), Deno.errors.NotFound);
  }));

Deno.test("a new file never takes the place of a foreign one, force or not", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await makeArtifact(spec, writing({ a: "a" }));
    await put(spec.path, { "b": "mine" });
    const before = snapshot(spec.path);
    const more = writing({ a: "new", b: "b" });
    await assert.rejects(
      makeArtifact({ ...spec, force: true }, more),
      refusal(
        spec.path,
        `"${join(spec.path, "b")}" was not made by this command, remove it or give another --out`,
      ),
    );
    assert.deepEqual(snapshot(spec.path), before);
  }));

Deno.test("a receipt of an older version, without a list, stays usable", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await makeArtifact(spec, writing(PAGES));
    const path = join(spec.path, "receipt.json");
    const receipt = JSON.parse(await Deno.readTextFile(path));
    delete receipt.output.contents;
    const forget = () => Deno.writeTextFile(path, JSON.stringify(receipt));
    await forget();
    await put(spec.path, { "notes.txt": "m" });
    assert.equal((await makeArtifact(spec, neverBuild)).status, "up to date");
    await Deno.truncate(join(spec.path, "a"), 2);
    await makeArtifact(spec, writing(PAGES));
    assert.deepEqual(only(snapshot(spec.path), PAGES), PAGES);
    await forget();
    await put(spec.path, { a: "short" });
    await assert.rejects(makeArtifact(spec, writing(PAGES)), refusal(spec.path, CHANGED_A));
    await makeArtifact({ ...spec, force: true }, writing(PAGES));
    const { "receipt.json": _, ...rest } = snapshot(spec.path);
    assert.deepEqual(rest, { ...PAGES, "notes.txt": "m" });
  }));

Deno.test("links in an output are not followed for writing, and read as what they lead to", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder), far = join(folder, "far");
    await makeArtifact(spec, writing(PAGES));
    await Deno.mkdir(far);
    await Deno.rename(join(spec.path, "a"), join(far, "a"));
    await Deno.symlink(join(far, "a"), join(spec.path, "a"));
    assert.equal((await makeArtifact(spec, neverBuild)).status, "up to date");
    await makeArtifact({ ...spec, force: true }, writing({ ...PAGES, a: "new" }));
    assert.deepEqual(snapshot(far), { a: PAGES["a"] });
    assert.equal(snapshot(spec.path)["a"], "new");

    await Deno.rename(join(spec.path, "pages"), join(far, "pages"));
    await Deno.symlink(join(far, "pages"), join(spec.path, "pages"));
    const before = snapshot(folder);
    await assert.rejects(
      makeArtifact({ ...spec, force: true }, neverBuild),
      refusal(
        spec.path,
        `"${join(spec.path, "pages")}" is a link, remove it or give another --out`,
      ),
    );
    assert.deepEqual(snapshot(folder), before);
  }));

Deno.test("a receipt whose paths lead out of its directory is none of ours", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await makeArtifact(spec, writing({ ...PAGES, "x": "precious" }));
    await Deno.writeTextFile(join(folder, "x"), "precious");
    const path = join(spec.path, "receipt.json");
    const text = await Deno.readTextFile(path);
    for (const bad of ["../x", "/x", "pages/../../x", "pages//b", "."]) {
      await Deno.writeTextFile(path, text.replace('"path": "x"', `"path": "${bad}"`));
      await assert.rejects(
        makeArtifact({ ...spec, force: true }, neverBuild),
        refusal(
          spec.path,
          "it exists and was not made by this command, give another --out or remove it yourself",
        ),
      );
    }
    assert.equal(await Deno.readTextFile(join(folder, "x")), "precious");
  }));

/** What a person or a disk does to a directory between two calls. */
const EVENTS = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant("lose"), file: fc.constantFrom(...Object.keys(PAGES)) }),
    fc.record({ what: fc.constant("cut"), file: fc.constantFrom(...Object.keys(PAGES)) }),
    fc.record({ what: fc.constant("edit"), file: fc.constantFrom(...Object.keys(PAGES)) }),
    fc.record({ what: fc.constant("add"), file: fc.constantFrom(...Object.keys(FOREIGN)) }),
  ),
  { maxLength: 5 },
);

async function happen(folder: string, { what, file }: { what: string; file: string }) {
  const path = join(folder, file);
  if (what === "add") return await put(folder, { [file]: FOREIGN[file]! });
  const info = await Deno.stat(path).catch(() => undefined);
  if (what === "lose") await Deno.remove(path).catch(() => {});
  else if (what === "cut") await Deno.truncate(path, info?.size && info.size - 1).catch(() => {});
  else await put(folder, { [file]: "edited" });
}

Deno.test("whatever happens to a directory, a second call restores it or refuses, and nothing foreign goes", () =>
  fc.assert(
    fc.asyncProperty(EVENTS, fc.boolean(), (events, force) =>
      withFolder(async (folder) => {
        const spec = { ...directorySpec(folder), force };
        await makeArtifact({ ...spec, force: false }, writing(PAGES));
        for (const event of events) await happen(spec.path, event);
        const before = snapshot(spec.path);
        const foreign = only(before, FOREIGN);
        const edited = Object.entries(PAGES).some(([name, text]) =>
          !text.startsWith(before[name] ?? "")
        );
        const [error] = await makeArtifact(spec, writing(PAGES)).then(() => [], (error) => [error]);
        assert.equal(error instanceof Failure, edited && !force);
        const after = snapshot(spec.path);
        if (error !== undefined) return assert.deepEqual(after, before);
        assert.deepEqual(only(after, { ...PAGES, ...FOREIGN }), { ...PAGES, ...foreign });
        assert.equal(
          (await makeArtifact({ ...spec, force: false }, neverBuild)).status,
          "up to date",
        );
      })),
    { numRuns: 40 },
  ));
