/** Stages with the permissions of their tasks, in the places where people run them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeRun } from "../encoder/made_run.ts";
import { withFolder } from "../folder.ts";
import { asOrdinaryUser } from "../ordinary_user.ts";
import { ROOT } from "../run_stage.ts";
import { reportOf } from "./report_of.ts";

/** No text of these tests. */
const NOTHING = "nothing to hide";

const SCENES = ["--count", "2", "--size", "16"];

Deno.test("checkpoint run again keeps a repository and notes, and refuses an edited model card", () =>
  withFolder(async (folder) => {
    const out = join(folder, "encoder"), card = join(out, "README.md");
    await writeRun(join(folder, "run"), [5]);
    const flags = ["--run", join(folder, "run"), "--out", out];
    assert.equal((await reportOf("checkpoint", flags, { hide: folder })).code, 0);
    await Deno.mkdir(join(out, ".git"));
    await Deno.writeTextFile(join(out, ".git/HEAD"), "ref: refs/heads/main\n");
    await Deno.writeTextFile(join(out, ".DS_Store"), "");
    const untouched = await reportOf("checkpoint", flags, { hide: folder });
    assert.equal(untouched.result.status, "up to date", untouched.stderr);

    const text = await Deno.readTextFile(card);
    await Deno.writeTextFile(card, `${text}## Our evaluation\n`);
    const { code, message } = await reportOf("checkpoint", flags, { hide: folder });
    assert.deepEqual([code, message], [
      73,
      'checkpoint: Cannot write "S/encoder": README.md differs from its receipt, pass --force to ' +
      "make it again or give another --out",
    ]);
    assert.match(await Deno.readTextFile(card), /## Our evaluation/);

    const forced = await reportOf("checkpoint", [...flags, "--force"], { hide: folder });
    assert.equal(forced.result.status, "done", forced.stderr);
    assert.equal(await Deno.readTextFile(card), text);
    assert.equal(await Deno.readTextFile(join(out, ".git/HEAD")), "ref: refs/heads/main\n");
    assert.ok((await Deno.stat(join(out, ".DS_Store"))).isFile);
  }));

Deno.test("a stage fills an empty directory whose parent is closed, and finds it up to date when that is closed too", () =>
  withFolder(async (folder) => {
    const prefix = await asOrdinaryUser();
    if (prefix === undefined) return;
    const out = join(folder, "scenes"), flags = [...SCENES, "--out", out];
    await Deno.mkdir(out);
    await Deno.chmod(folder, 0o555);
    try {
      const made = await reportOf("scenes", flags, { prefix, hide: folder });
      assert.equal(made.result.status, "done", made.stderr);
      await Deno.chmod(out, 0o555);
      const again = await reportOf("scenes", flags, { prefix, hide: folder });
      assert.equal(again.result.status, "up to date", again.stderr);
    } finally {
      for (const path of [folder, out]) await Deno.chmod(path, 0o755);
    }
  }));

Deno.test("places that Deno keeps to itself are named as such", async () => {
  if (Deno.build.os !== "linux") return console.log("skipped: /dev/shm is of Linux");
  const why = "Deno opens /dev, /proc and /sys with all permissions only, use /tmp, or run the " +
    "stage with deno run -A";
  const out = "/dev/shm/ijepa-nothing";
  const written = await reportOf("scenes", [...SCENES, "--out", out], { hide: NOTHING });
  assert.deepEqual([written.code, written.message], [73, `scenes: Cannot write "${out}": ${why}`]);
  const flags = ["--images", out, "--out", join(ROOT, "none")];
  const read = await reportOf("shard", flags, { hide: NOTHING });
  assert.deepEqual([read.code, read.message], [
    66,
    `shard: Cannot read images: "${out}" is not readable: ${why}`,
  ]);
});

Deno.test("a relative path that leads nowhere is shown with where it leads", async () => {
  const { code, message } = await reportOf("shard", ["--images", "no-photos", "--out", "none"], {
    hide: NOTHING,
  });
  assert.deepEqual([code, message], [
    66,
    `shard: Cannot read images: "no-photos" (${join(ROOT, "no-photos")}) does not exist, give a ` +
    "folder of images",
  ]);
});
