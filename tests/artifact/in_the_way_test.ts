/** Links, pipes, files of others and locks from elsewhere in the way of an output. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { hashInput, makeArtifact } from "../../lib/artifact/mod.ts";
import { Failure } from "../../lib/failure.ts";
import { withFolder } from "../folder.ts";
import {
  directorySpec,
  fileSpec,
  neverBuild,
  PAGES,
  refuses,
  snapshot,
  writeText,
  writing,
} from "./pressed.ts";

Deno.test("what cannot be replaced is named before the work, force or not", () =>
  withFolder(async (folder) => {
    const put = (name: string) => Deno.writeTextFile(join(folder, name), "");
    await put("file");
    await Deno.mkdir(join(folder, "empty"));
    await Deno.symlink(join(folder, "nowhere"), join(folder, "dangling"));
    await put("victim");
    await Deno.symlink(join(folder, "victim"), join(folder, "link"));
    await Deno.mkdir(join(folder, "x.receipt.json"));
    await Deno.symlink(join(folder, "victim"), join(folder, "y.receipt.json"));
    await Deno.writeTextFile(join(folder, "z.receipt.json"), '{"shop":"bread"}');
    const before = snapshot(folder);
    for (
      const [kind, name, what] of [
        [
          "directory",
          "file",
          "it is a file, and this command makes a directory, give another --out",
        ],
        [
          "file",
          "empty",
          "it is a directory, and this command makes a file, give a file name as --out",
        ],
        ["directory", "dangling", "it is a link to nothing, remove it or give another --out"],
        ["file", "dangling", "it is a link to nothing, remove it or give another --out"],
        [
          "file",
          "link",
          "it exists and was not made by this command, give another --out or remove it yourself",
        ],
        [
          "file",
          "x",
          `its receipt "${
            join(folder, "x.receipt.json")
          }" is a directory, remove it or give another --out`,
        ],
        [
          "file",
          "y",
          `its receipt "${
            join(folder, "y.receipt.json")
          }" is a link, remove it or give another --out`,
        ],
        [
          "file",
          "z",
          '"z.receipt.json" beside it is no receipt of this tool, remove it or give another --out',
        ],
        ["file", "file/x", "a part of the path is a file, not a directory, give another --out"],
        [
          "directory",
          "file/x",
          "a part of the path is a file, not a directory, give another --out",
        ],
      ] as const
    ) {
      const path = join(folder, name);
      const makeSpec = kind === "file" ? fileSpec : directorySpec;
      for (const force of [false, true]) {
        await refuses(makeArtifact(makeSpec(folder, { path, force }), neverBuild), path, what);
      }
    }
    assert.deepEqual(snapshot(folder), before);
  }));

Deno.test("locks and temporaries of other kinds than ours are refused or passed over, and stay", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder), victim = join(folder, "victim");
    const lock = join(folder, ".out.lock");
    await Deno.writeTextFile(victim, "precious");
    const inTheWay = (what: string) =>
      `"${lock}", which would be its lock, ${what}, remove it or give another --out`;
    for (
      const [what, put] of [
        ["is a link", () => Deno.symlink(victim, lock)],
        ["is a link", () => Deno.symlink(join(folder, "nowhere"), lock)],
        ["is a file with a second name", () => Deno.link(victim, lock)],
        ["is no file", () => Deno.mkdir(lock)],
        ["is another file", () => Deno.writeTextFile(lock, "[poetry]\n")],
      ] as const
    ) {
      await put();
      const before = snapshot(folder);
      await refuses(makeArtifact(spec, neverBuild), spec.path, inTheWay(what));
      assert.deepEqual(snapshot(folder), before);
      await Deno.remove(lock);
    }
    await Deno.writeTextFile(lock, "process 77\n");
    await Deno.symlink(folder, join(folder, ".out.tmp-77"));
    const mine = [
      ".out.tmp-anything",
      ".out.tmp-7",
      ".out.tmp-77x",
      ".out.tmp-78",
      `.out.tmp-${Deno.pid}`,
    ];
    for (const name of mine) {
      await Deno.mkdir(join(folder, name));
      await Deno.writeTextFile(join(folder, name, "thesis"), name);
    }
    await makeArtifact(spec, writing(PAGES));
    const after = snapshot(folder);
    for (const name of mine) assert.equal(after[join(name, "thesis")], name);
    assert.equal(after[".out.tmp-77"], `-> ${folder}`);
    assert.equal(after["victim"], "precious");
    assert.equal(after[".out.lock"], undefined);
  }));

Deno.test("a lock file from elsewhere removes nothing but a temporary of its own", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder), lock = join(folder, ".out.lock");
    await Deno.mkdir(join(folder, "victim"));
    await Deno.mkdir(join(folder, ".out.tmp-77-"));
    for (const name of ["victim", "../victim", ".out.tmp-77-/../victim", ".out.tmp-7", "."]) {
      await Deno.writeTextFile(lock, `process 77\ntemporary ${name}\n`);
      await makeArtifact({ ...spec, force: true }, writing(PAGES));
      assert.ok((await Deno.stat(join(folder, "victim"))).isDirectory, name);
      await assert.rejects(Deno.lstat(lock), Deno.errors.NotFound);
    }
    await Deno.mkdir(join(folder, ".out.tmp-77-2/inside"), { recursive: true });
    await Deno.writeTextFile(lock, "process 77\ntemporary .out.tmp-77-2\n");
    await makeArtifact(spec, neverBuild);
    await assert.rejects(Deno.lstat(join(folder, ".out.tmp-77-2")), Deno.errors.NotFound);
  }));

Deno.test("a file that was moved away and linked is up to date, and the link is replaced with force", () =>
  withFolder(async (folder) => {
    const spec = fileSpec(folder), far = join(folder, "far.bin");
    await makeArtifact(spec, writeText);
    await Deno.rename(spec.path, far);
    await Deno.symlink(far, spec.path);
    assert.equal((await makeArtifact(spec, neverBuild)).status, "up to date");
    await makeArtifact({ ...spec, config: {}, force: true }, async (path) => {
      await Deno.writeTextFile(path, "new");
      return {};
    });
    assert.ok((await Deno.lstat(spec.path)).isFile);
    assert.equal(await Deno.readTextFile(far), "text");
  }));

Deno.test("a file of another artefact is never the output, force or not", () =>
  withFolder(async (folder) => {
    const directory = directorySpec(folder);
    await makeArtifact(directory, writing(PAGES));
    const path = join(directory.path, "a");
    for (const force of [false, true]) {
      await refuses(
        makeArtifact(fileSpec(folder, { path, force, stage: "compare" }), neverBuild),
        path,
        `it is a part of "${directory.path}", which "press" made, give another --out`,
      );
    }
  }));

Deno.test("a pipe in the place of a receipt or a file does not stop the work for ever", () =>
  withFolder(async (folder) => {
    const pipe = async (path: string) => {
      return await new Deno.Command("mkfifo", { args: [path] }).output();
    };
    const spec = fileSpec(folder), directory = directorySpec(folder);
    await Deno.mkdir(directory.path);
    try {
      await pipe(`${spec.path}.receipt.json`);
    } catch {
      return console.log("skipped: there is no mkfifo");
    }
    await pipe(join(directory.path, "receipt.json"));
    await pipe(join(directory.path, "a"));
    await refuses(
      makeArtifact(spec, neverBuild),
      spec.path,
      `its receipt "${spec.path}.receipt.json" is no ordinary file, remove it or give another --out`,
    );
    await refuses(
      makeArtifact({ ...directory, force: true }, neverBuild),
      directory.path,
      "it exists and was not made by this command, give another --out or remove it yourself",
    );
    await assert.rejects(
      hashInput(join(directory.path, "a"), "probe"),
      new Failure("data", `Cannot probe: "${join(directory.path, "a")}" is no file`),
    );
  }));
