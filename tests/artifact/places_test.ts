/** Outputs in the places where people put them, and things in their way. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeArtifact } from "../../lib/artifact/mod.ts";
import { Failure } from "../../lib/failure.ts";
import { withFolder } from "../folder.ts";
import { asOrdinaryUser } from "../ordinary_user.ts";
import { withSmallDisk } from "../small_disk.ts";
import { PRESS } from "./press_artifact.ts";
import {
  directorySpec,
  fileSpec,
  neverBuild,
  PAGES,
  snapshot,
  writeText,
  writing,
} from "./pressed.ts";

async function refuses(attempt: Promise<unknown>, path: string, what: string): Promise<void> {
  await assert.rejects(attempt, new Failure("output", `Cannot write "${path}": ${what}`));
}

/** Presses as a user for whom permissions count. */
async function press(user: readonly string[], ...args: readonly string[]): Promise<string> {
  const [command, ...rest] = [...user, ...PRESS, ...args];
  const env = { NO_COLOR: "1" };
  const ran = await new Deno.Command(command!, { args: rest, env }).output();
  const text = new TextDecoder();
  return text.decode(ran.stdout) + text.decode(ran.stderr);
}

/** Calls `body` while nothing can be added to a folder. */
async function whileClosed(folder: string, body: () => Promise<void>): Promise<void> {
  await Deno.chmod(folder, 0o555);
  try {
    await body();
  } finally {
    await Deno.chmod(folder, 0o755);
  }
}

Deno.test("an empty directory of one's own is filled where its parent is closed", () =>
  withFolder(async (folder) => {
    const user = await asOrdinaryUser();
    if (user === undefined) return;
    const out = join(folder, "out");
    await Deno.mkdir(out);
    await whileClosed(
      folder,
      async () => assert.equal(await press(user, "directory", out), "done\n"),
    );
    assert.deepEqual(Object.keys(snapshot(out)).sort(), ["a", "pages/b", "receipt.json"]);
  }));

Deno.test("a parent that is closed is named before the work", () =>
  withFolder(async (folder) => {
    const user = await asOrdinaryUser();
    if (user === undefined) return;
    for (const kind of ["directory", "file"]) {
      const out = join(folder, "out");
      await whileClosed(folder, async () =>
        assert.equal(
          await press(user, kind, out),
          `Cannot write "${out}": permission denied (in "${folder}"), give another --out or change ` +
            "its permissions\n",
        ));
    }
  }));

Deno.test("a finished artefact that nobody may write to is up to date", () =>
  withFolder(async (folder) => {
    const user = await asOrdinaryUser();
    if (user === undefined) return;
    const out = join(folder, "out"), file = join(folder, "out.bin");
    for (const args of [["directory", out], ["file", file]]) {
      assert.equal(await press(user, ...args), "done\n");
      await whileClosed(folder, async () => {
        if (args[0] === "directory") await Deno.chmod(out, 0o555);
        assert.equal(await press(user, ...args), "up to date\n");
      });
    }
    await Deno.chmod(out, 0o755);
  }));

Deno.test("a mount point is filled, and made again", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await withSmallDisk(spec.path, 256, async () => {
      await Deno.mkdir(join(spec.path, "lost+found"));
      assert.equal((await makeArtifact(spec, writing(PAGES))).status, "done");
      await Deno.remove(join(spec.path, "a"));
      await makeArtifact(spec, writing(PAGES));
      assert.equal((await makeArtifact(spec, neverBuild)).status, "up to date");
      assert.deepEqual([...Deno.readDirSync(spec.path)].map(({ name }) => name).sort(), [
        "a",
        "lost+found",
        "pages",
        "receipt.json",
      ]);
    });
  }));

Deno.test("a full disk leaves what was there, and the same call goes on when there is space", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(join(folder, "disk"));
    await withSmallDisk(join(folder, "disk"), 256, async () => {
      await makeArtifact(spec, writing(PAGES));
      const before = snapshot(spec.path);
      const large = writing({ ...PAGES, "a": "a".repeat(400_000) });
      const forced = { ...spec, force: true };
      await refuses(
        makeArtifact(forced, large),
        spec.path,
        "the disk is full, free some space and run the command again",
      );
      assert.deepEqual(snapshot(spec.path), before);
      assert.equal((await makeArtifact(forced, writing(PAGES))).status, "done");
    });
  }));

Deno.test("names of the greatest length are written", () =>
  withFolder(async (folder) => {
    const longest = "x".repeat(255);
    for (const name of ["x".repeat(246), longest]) {
      await makeArtifact(directorySpec(folder, { path: join(folder, name) }), writing(PAGES));
    }
    const fits = "y".repeat(255 - ".receipt.json".length);
    await makeArtifact(fileSpec(folder, { path: join(folder, fits) }), writeText);
    const path = join(folder, longest.replaceAll("x", "z"));
    await refuses(
      makeArtifact(fileSpec(folder, { path }), neverBuild),
      `${path}.receipt.json`,
      "its name is too long for the file system, give a shorter --out",
    );
    const longer = `${path}z`;
    await refuses(
      makeArtifact(directorySpec(folder, { path: longer }), neverBuild),
      longer,
      "its name is too long for the file system, give a shorter --out",
    );
  }));

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

Deno.test("a directory with what systems and job managers leave there is taken for empty", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await Deno.mkdir(spec.path);
    const others = [".gitkeep", ".DS_Store", "slurm-123.out", "shard.log"];
    for (const name of others) await Deno.writeTextFile(join(spec.path, name), name);
    await makeArtifact(spec, writing(PAGES));
    const after = snapshot(spec.path);
    for (const name of others) assert.equal(after[name], name);
  }));

Deno.test("an error of the system while reading is not one of the output, and the reverse", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await refuses(
      makeArtifact(spec, async (path) => {
        await Deno.writeTextFile(join(path, "x".repeat(300)), "");
        return {};
      }),
      spec.path,
      "its name is too long for the file system, give a shorter --out",
    );
    const gone = join(folder, "gone");
    await assert.rejects(
      makeArtifact(directorySpec(join(folder, "work")), async () => ({
        text: await Deno.readTextFile(gone),
      })),
      new Failure("missing", `Cannot read "${gone}": it does not exist`),
    );
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

Deno.test("a lock that another user's process has left is taken over", () =>
  withFolder(async (folder) => {
    const user = await asOrdinaryUser();
    if (user === undefined) return;
    const lock = join(folder, ".out.lock");
    await Deno.writeTextFile(lock, "process 77\n");
    await Deno.chmod(lock, 0o444);
    assert.equal(await press(user, "file", join(folder, "out")), "done\n");
    assert.deepEqual(Object.keys(snapshot(folder)).sort(), ["out", "out.receipt.json"]);
  }));
