import assert from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { decodeImage } from "../../lib/images/decode.ts";
import { openShards } from "../../lib/data/shards.ts";
import { temporaryFolder } from "../images/pictures.ts";
import { idxFile } from "../formats/idx_files.ts";
import { reportOf } from "./report_of.ts";

/** Twelve pictures of 5 x 4 that differ in every pixel, and labels 0, 1, 2, 0 ... */
const PIXELS = Uint8Array.from({ length: 12 * 20 }, (_, i) => (i * 41) & 255);
const LABELS = Uint8Array.from({ length: 12 }, (_, i) => i % 3);

async function writePair(folder: string): Promise<{ images: string; labels: string }> {
  const images = join(folder, "train-images-idx3-ubyte.gz");
  const labels = join(folder, "train-labels-idx1-ubyte");
  await Deno.writeFile(images, gzipSync(idxFile([12, 5, 4], PIXELS)));
  await Deno.writeFile(labels, idxFile([12], LABELS));
  return { images, labels };
}

Deno.test("idx writes every picture and its label, which go through shard", async () => {
  await using folder = await temporaryFolder();
  const hide = folder.path, out = join(hide, "train");
  const { images, labels } = await writePair(hide);
  const flags = ["--images", images, "--labels", labels, "--out", out];
  const made = await reportOf("idx", [...flags, "--classes", 'bag, =boot,"x"'], { hide });
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual(made.result, {
    ...{ stage: "idx", out: "S/train", status: "done" },
    ...{ pictures: 12, height: 5, width: 4, classes: 3 },
  });
  for (let i = 0; i < 12; i++) {
    const file = join(out, `images/train-${String(i).padStart(6, "0")}.png`);
    const { height, width, data } = await decodeImage(await Deno.readFile(file));
    assert.deepEqual([height, width], [5, 4]);
    const wanted = [...PIXELS.subarray(20 * i, 20 * i + 20)].flatMap((grey) => [grey, grey, grey]);
    assert.deepEqual([...data], wanted);
  }
  const table = (await Deno.readTextFile(join(out, "labels.csv"))).split("\n");
  assert.deepEqual(table.slice(0, 4), [
    "path,class:class",
    "images/train-000000.png,bag",
    // Not what a spreadsheet would compute.
    "images/train-000001.png,'=boot",
    'images/train-000002.png,"""x"""',
  ]);
  const shards = join(hide, "shards");
  const packed = await reportOf("shard", ["--images", out, "--out", shards], { hide });
  assert.equal(packed.code, 0, packed.stderr);
  const { manifest } = await openShards(shards);
  assert.deepEqual(manifest.labels.map(({ name }) => name), ["class"]);
  assert.equal(manifest.labels[0]!.classes!.length, 3);
});

Deno.test("idx without --classes names classes by their numbers, and is up to date the second time", async () => {
  await using folder = await temporaryFolder();
  const hide = folder.path, out = join(hide, "train");
  const { images, labels } = await writePair(hide);
  const run = (...more: string[]) =>
    reportOf("idx", ["--images", images, "--labels", labels, "--out", out, ...more], { hide });
  assert.equal((await run()).code, 0);
  const table = await Deno.readTextFile(join(out, "labels.csv"));
  assert.match(table, /^path,class:class\nimages\/train-000000\.png,0\n.*-000001\.png,1\n/);
  await Deno.writeTextFile(join(out, "notes.txt"), "mine");
  assert.equal((await run()).result.status, "up to date");

  const other = await run("--classes", "a,b,c");
  assert.equal(other.code, 73);
  assert.match(other.message, /^idx: Cannot write "S\/train": it was made from other inputs/);
  const few = await run("--count", "4", "--force");
  assert.deepEqual([few.result.pictures, few.result.classes], [4, 3], few.stderr);
  assert.equal([...Deno.readDirSync(join(out, "images"))].length, 4);
  assert.equal((await Deno.readTextFile(join(out, "labels.csv"))).trimEnd().split("\n").length, 5);
  const more = await run("--count", "13", "--force");
  assert.equal(
    more.message,
    'idx: Cannot make pictures: "S/train-images-idx3-ubyte.gz" has 12 pictures, wanted 13 to 1000000',
  );
  const forced = await run("--classes", "a,b,c", "--force");
  assert.equal(forced.result.status, "done", forced.stderr);
  assert.equal(await Deno.readTextFile(join(out, "notes.txt")), "mine");

  // Other bytes are other inputs, whatever the times say.
  await Deno.writeFile(labels, idxFile([12], LABELS.map((label) => 2 - label)));
  assert.equal((await run("--classes", "a,b,c")).code, 73);
});

Deno.test("idx refuses files that do not belong together, and labels without a name", async () => {
  await using folder = await temporaryFolder();
  const hide = folder.path, out = join(hide, "out");
  const { images, labels } = await writePair(hide);
  const refused = async (files: readonly string[], [code, text]: readonly [number, string]) => {
    const ran = await reportOf("idx", [...files, "--out", out], { hide });
    assert.deepEqual([ran.code, ran.message], [code, `idx: ${text}`]);
  };
  const other = join(hide, "other"), pair = ["--images", images, "--labels", labels];
  await Deno.writeFile(other, idxFile([11], LABELS.subarray(1)));
  await refused(["--images", images, "--labels", other], [
    65,
    'Cannot make pictures: "S/train-images-idx3-ubyte.gz" has 12 pictures and "S/other" 11 labels, ' +
    "give two files of one split",
  ]);
  await refused(["--images", labels, "--labels", images], [
    65,
    'Cannot read "S/train-labels-idx1-ubyte": wanted 3 axes, got 1: images have 3 (count, rows, ' +
    "columns) and labels 1, check that the two files are not exchanged",
  ]);
  await refused([...pair, "--classes", "a,b"], [
    65,
    'Cannot make pictures: label 2 of picture 2 in "S/train-labels-idx1-ubyte" has no name, ' +
    "--classes names 2 from 0 to 1",
  ]);
  for (const classes of ["a,b,a", "a,,b"]) {
    await refused([...pair, "--classes", classes], [
      2,
      "Cannot make pictures: --classes wants different names with commas between them, got " +
      `"${classes}"`,
    ]);
  }
  await Deno.writeFile(other, idxFile([12, 5000, 0], new Uint8Array(0)));
  await refused(["--images", other, "--labels", labels], [
    65,
    'Cannot make pictures: "S/other" has pictures of 5000 x 0, wanted 1 to 4096',
  ]);
  const missing = await reportOf(
    "idx",
    ["--images", join(hide, "none"), "--labels", labels, "--out", out],
    { hide },
  );
  assert.deepEqual([missing.code, missing.result], [66, {}]);
  assert.deepEqual([...Deno.readDirSync(hide)].map(({ name }) => name).sort(), [
    "other",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte",
  ]);
});
