/** Outputs in the places where people put them, and things in their way. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeArtifact, removeTemporaries } from "../../lib/artifact/mod.ts";
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
  refuses,
  snapshot,
  writeText,
  writing,
} from "./pressed.ts";

/** Presses as a user for whom permissions count. */
async function press(user: readonly string[], ...args: readonly string[]): Promise<string> {
  const [command, ...rest] = [...user, ...PRESS, ...args];
  const env = { NO_COLOR: "1" };
  const ran = await new Deno.Command(command!, { args: rest, env }).output();
  const text = new TextDecoder();
  return text.decode(ran.stdout) + text.decode(ran.stderr);
}

Deno.test("a process told to end between its lock and its temporary leaves neither", () =>
  withFolder(async (folder) => {
    const { mkdir } = Deno;
    const left: string[][] = [];
    Deno.mkdir = async (path, options) => {
      removeTemporaries(); // As the signal does that comes now.
      left.push([...Deno.readDirSync(folder)].map(({ name }) => name));
      await mkdir(path, options);
    };
    try {
      await makeArtifact(fileSpec(folder), writeText);
    } finally {
      Deno.mkdir = mkdir;
    }
    assert.deepEqual(left, [[], []], "the folder above, then the temporary one");
  }));

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
