/** What `shard` says about folders and tables as they are found: nothing is lost or guessed without a line. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openShards } from "../../lib/data/shards.ts";
import { makeOddNames } from "../data/odd_names.ts";
import { plain, temporaryFolder, writePicture } from "../images/pictures.ts";
import { type Report, reportOf } from "./report_of.ts";

const PNG = await plain({ color: { r: 60, g: 100, b: 50 } }).png().toBuffer();

async function shard(folder: string, args: readonly string[] = []): Promise<Report> {
  const flags = ["--images", join(folder, "photos"), "--out", join(folder, "out"), ...args];
  return await reportOf("shard", flags, { hide: folder });
}

/** The lines on stderr, progress aside. */
function linesOf({ stderr }: Report): string[] {
  return stderr.trim().split("\n").filter((line) => !line.startsWith("shard: packing"));
}

Deno.test("shard fails on a class folder whose name is not UTF-8", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["cat", "dog"]) {
    await writePicture(join(folder.path, `photos/${name}/1.png`), PNG);
  }
  const odd = ['mkdir "$1/$(printf "p\\344ivi")"', 'cp "$1/cat/1.png" "$1/$(printf "p\\344ivi")"'];
  if (!await makeOddNames(join(folder.path, "photos"), odd)) return;
  const ran = await shard(folder.path, ["--max-bad-fraction", "1"]);
  assert.equal(ran.code, 65);
  assert.match(ran.message, /: "p\ufffdivi\/" \(its name is not UTF-8, rename it\); mend that/);
  const images = join(folder.path, "photos"), out = join(folder.path, "not/yet/there");
  const elsewhere = await reportOf("shard", ["--images", images, "--out", out], {
    hide: folder.path,
  });
  assert.equal(elsewhere.code, 65);
  assert.match(
    elsewhere.message,
    /; mend that, or move it out of the images folder; they are not listed, since .* \(it does not exist\)$/,
  );
});

Deno.test("shard tells what it passes over and what it makes of labels", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos");
  for (
    const file of ["a/1.png", "b/2.png", "b/@eaDir/2.png/THUMB.png", "#recycle/3.png", ".git/4.png"]
  ) {
    await writePicture(join(photos, file), PNG);
  }
  await Deno.symlink("../b", join(photos, "a/more"));
  await Deno.writeTextFile(join(photos, "labels.csv"), "file,age,sex\n1.png,NaN,f\n2.png,5,m\n");
  const ran = await shard(folder.path);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(linesOf(ran), [
    "shard: 2 images, 0 other files passed over",
    "shard: hidden, passed over: .git",
    "shard: thumbnails, recycle bins and the like of systems, passed over: #recycle, b/@eaDir",
    "shard: links to folders that are listed by another path, not followed: a/more",
    "shard: label class: 2 classes (folders)",
    'shard: S/photos/labels.csv: guessed that column "file" names the images, each by the end of its path: ' +
    "it fits 2 of 2 rows",
    'shard: label age: numbers from 5 to 5, 1 missing ("NaN")',
    "shard: label sex: 2 classes",
  ]);
  assert.deepEqual(ran.result.labels, ["class", "age", "sex"]);
});

Deno.test("shard passes over a labels.csv that it cannot use, and can be switched off or asked for", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos"), csv = join(photos, "labels.csv");
  await writePicture(join(photos, "1.png"), PNG);
  await Deno.writeTextFile(csv, "ClassId,Name\n7,red\n8,blue\n");
  const why =
    'none of its 2 rows names an image, the first is "7", paths must be relative to the images folder';
  const found = await shard(folder.path);
  assert.equal(found.code, 0, found.stderr);
  assert.deepEqual(linesOf(found).slice(1), [
    `shard: S/photos/labels.csv is passed over: ${why}; mend it and give it with --labels, or give --no-labels`,
  ]);
  // A table that is not used decides nothing.
  await Deno.writeTextFile(csv, "path,x\n1.png,5\n");
  const off = await shard(folder.path, ["--no-labels"]);
  assert.equal(off.result.status, "up to date", off.stderr);
  assert.equal((await shard(folder.path)).code, 73);
  await Deno.writeTextFile(csv, "ClassId,Name\n7,red\n8,blue\n");
  const asked = await shard(folder.path, ["--labels", csv, "--force"]);
  assert.equal(asked.code, 65);
  assert.equal(asked.message, `shard: Cannot use the labels "S/photos/labels.csv": ${why}`);
  const both = await shard(folder.path, ["--labels", csv, "--no-labels"]);
  assert.equal(both.code, 2);
  assert.equal(
    both.message,
    'shard: Cannot use --labels "S/photos/labels.csv" with --no-labels: give one of them',
  );
});

Deno.test("shard names Git LFS pointers, not the table that describes them", async () => {
  await using folder = await temporaryFolder();
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n";
  await writePicture(join(folder.path, "photos/1.jpg"), pointer);
  await writePicture(join(folder.path, "photos/labels.csv"), "path,x\n1.jpg,5\n");
  const ran = await shard(folder.path, ["--labels", join(folder.path, "photos/labels.csv")]);
  assert.equal(ran.code, 65);
  assert.equal(
    ran.message,
    'shard: Cannot make shards: none of the 1 images is readable: "1.jpg" (a Git LFS pointer, run git lfs pull); ' +
      'all are listed in "S/out.quarantine.jsonl"',
  );
});

Deno.test("shard holds a labels.csv that it found to the types in its header", async () => {
  await using folder = await temporaryFolder();
  await writePicture(join(folder.path, "photos/1.png"), PNG);
  const csv = join(folder.path, "photos/labels.csv");
  await Deno.writeTextFile(csv, "path,age:number,sex\n1.png,x,f\n");
  const wrong = await shard(folder.path);
  assert.equal(wrong.code, 65);
  assert.equal(
    wrong.message,
    'shard: Cannot read the labels "S/photos/labels.csv": line 2 wants a number for "age:number", got "x"',
  );
  await Deno.writeTextFile(csv, "path,age:number,sex\n1.png,NA,f\n");
  const right = await shard(folder.path);
  assert.equal(right.code, 0, right.stderr);
  assert.deepEqual(linesOf(right).slice(1), [
    "shard: label age: numbers, all missing",
    "shard: label sex: 1 class",
    "shard: the class in .cls members is that of label sex",
  ]);
});

Deno.test("shard packs files and classes of any name under keys of their own", async () => {
  await using folder = await temporaryFolder();
  const names = ["new\nline", "tab\t", '"quoted"', "-rf", " spaces ", "\x1b[31m", "caf\u00e9"]
    .concat(["cafe\u0301", "Cat", "cat", "x".repeat(250), "=1+1", "\u202egnp", "図"]);
  const files = names.map((name) => `constructor/${name}.png`).concat("__proto__/1.png");
  for (const file of files) await writePicture(join(folder.path, "photos", file), PNG);
  const ran = await shard(folder.path);
  assert.equal(ran.code, 0, ran.stderr);
  await using split = (await openShards(join(folder.path, "out"))).split("train");
  const samples = await Promise.all(files.map((_, index) => split.readSample(index)));
  assert.deepEqual(samples.map(({ path }) => path).sort(), files.sort());
  assert.equal(new Set(samples.map(({ key }) => key.toLowerCase())).size, files.length);
  for (const { path, labels } of samples) assert.equal(labels["class"], path.split("/")[0]);
});
