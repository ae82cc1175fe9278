import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeImage } from "../../lib/images/decode.ts";
import { openShards, verifyShards } from "../../lib/data/shards.ts";
import { holdLock } from "../../lib/files/mod.ts";
import { plain, speckled, temporaryFolder, writePicture } from "../images/pictures.ts";
import { asOrdinaryUser } from "../ordinary_user.ts";
import { withSmallDisk } from "../small_disk.ts";
import { tool } from "../tools.ts";
import { type Report, reportOf } from "./report_of.ts";

const FORMATS = ["jpeg", "png", "webp", "avif", "gif", "tiff"] as const;

/** A folder of small good images in two classes and all formats. */
async function makePhotos(root: string, count = 12): Promise<void> {
  for (let i = 0; i < count; i++) {
    const format = FORMATS[i % FORMATS.length]!;
    const image = plain({ width: 30 + i, color: { r: 20 * i, g: 100, b: 50 } });
    const path = join(root, i % 2 ? "cat" : "dög/deep", `${i}.${format}`);
    await writePicture(path, await image.toFormat(format).toBuffer());
  }
}

async function shard(
  folder: string,
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<Report> {
  const flags = ["--images", join(folder, "photos"), "--out", join(folder, "out"), ...args];
  return await reportOf("shard", flags, { prefix, hide: folder });
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

Deno.test("shard packs nested folders of all formats, keeps the bytes and is up to date after", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos"), out = join(folder.path, "out");
  await makePhotos(photos);
  await writePicture(join(photos, "notes.txt"), "x");
  const args = ["--holdout", "0.4", "--shard-images", "4"];
  const first = await shard(folder.path, args);
  assert.equal(first.code, 0, first.stderr);
  const { splits, images, labels, quarantined, ignored, status } = first.result;
  assert.deepEqual([images, labels, quarantined, ignored, status], [12, ["class"], 0, 1, "done"]);

  const shards = await openShards(out);
  const seen = new Set<string>();
  for (const [name, count] of Object.entries(splits as Record<string, number>)) {
    await verifyShards(shards, name);
    await using split = shards.split(name);
    assert.equal(split.length, count);
    for (let i = 0; i < count; i++) {
      const { path, image, labels } = await split.readSample(i);
      assert.deepEqual(image, await Deno.readFile(join(photos, path)));
      assert.deepEqual(labels, { class: path.startsWith("cat") ? "cat" : "dög" });
      await decodeImage(image);
      seen.add(path);
    }
  }
  assert.equal(seen.size, 12);

  const listing = await tool("tar", ["tf", join(out, "train-000000.tar")]);
  if (listing !== undefined) {
    const members = listing.trim().split("\n");
    assert.equal(members.length, 12);
    for (let i = 0; i < members.length; i += 3) {
      const [key] = members[i]!.split(".");
      assert.deepEqual(members.slice(i + 1, i + 3), [`${key}.json`, `${key}.cls`]);
    }
  }
  const info = JSON.parse(await Deno.readTextFile(join(out, "_info.json")));
  assert.equal(info.splits.train.num_samples, splits.train);
  assert.equal(info.splits.test.filenames[0], "test-000000.tar");

  const before = await Deno.stat(join(out, "manifest.json"));
  const again = await shard(folder.path, args);
  assert.equal(again.result.status, "up to date");
  assert.deepEqual((await Deno.stat(join(out, "manifest.json"))).mtime, before.mtime);

  const other = await shard(folder.path, ["--seed", "1"]);
  assert.equal(other.code, 73);
  assert.equal(
    other.message,
    'shard: Cannot write "S/out": it was made from other inputs or settings, pass --force to ' +
      "replace it or give another --out",
  );
  assert.equal((await shard(folder.path, ["--seed", "1", "--force"])).result.splits.train, 12);
});

Deno.test("shard takes labels.csv at the root, and tells which rows and images are left over", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos");
  for (const name of ["a", "b", "c"]) {
    await writePicture(join(photos, `${name}.jpg`), await speckled(20).jpeg().toBuffer());
  }
  await Deno.writeTextFile(
    join(photos, "labels.csv"),
    "path,shape,objects\na.jpg,star,2\ngone.jpg,x,1\n",
  );
  const ran = await shard(folder.path, []);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(ran.result.labels, ["shape", "objects"]);
  assert.match(
    ran.stderr,
    /^shard: S\/photos\/labels\.csv: 1 rows belong to no image: line 3: gone\.jpg$/m,
  );
  assert.match(
    ran.stderr,
    /^shard: S\/photos\/labels\.csv: 2 images have no row: b\.jpg, c\.jpg$/m,
  );
  assert.deepEqual([ran.result.rowsWithoutImage, ran.result.imagesWithoutRow], [1, 2]);
});

Deno.test("shard shrinks images whose shorter side is longer than asked for", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos");
  await writePicture(join(photos, "large.png"), await speckled(90).png().toBuffer());
  await writePicture(join(photos, "small.png"), await speckled(20).png().toBuffer());
  const ran = await shard(folder.path, ["--shorter-side", "32"]);
  assert.equal(ran.code, 0, ran.stderr);
  await using split = (await openShards(join(folder.path, "out"))).split("train");
  for (let i = 0; i < 2; i++) {
    const { path, image } = await split.readSample(i);
    const { width, height } = await decodeImage(image);
    assert.deepEqual([width, height], path === "large.png" ? [32, 32] : [20, 20]);
  }
});

Deno.test("shard lists bad files, and fails with the list when there are too many", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos");
  await makePhotos(photos);
  await writePicture(
    join(photos, "cat/cut.jpg"),
    (await speckled().jpeg().toBuffer()).subarray(0, 5000),
  );
  await writePicture(join(photos, "cat/empty.jpg"), "");
  await Deno.symlink("nowhere", join(photos, "dead.png"));
  const failed = await shard(folder.path, []);
  assert.equal(failed.code, 65);
  assert.equal(
    failed.message,
    "shard: Cannot make shards: 3 of 15 images are bad, wanted at most 5 %, remove them or raise " +
      '--max-bad-fraction: "cat/cut.jpg" (Cannot decode: the JPEG is ' +
      'truncated or damaged (VipsJpeg: premature end of JPEG image)), "cat/empty.jpg" (Cannot decode: the ' +
      'file is empty (0 bytes)), "dead.png" (a link that leads nowhere); all are listed in "S/out.quarantine.jsonl"',
  );
  assert.deepEqual(await namesIn(folder.path), ["out.quarantine.jsonl", "photos"]);
  const ran = await shard(folder.path, ["--max-bad-fraction", "0.2"]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual([ran.result.images, ran.result.quarantined], [12, 3]);
  const list = await Deno.readTextFile(join(folder.path, "out/quarantine.jsonl"));
  assert.deepEqual(list.trim().split("\n").map((line) => JSON.parse(line).path), [
    "cat/cut.jpg",
    "cat/empty.jpg",
    "dead.png",
  ]);
  assert.deepEqual(await namesIn(folder.path), ["out", "photos"]);
});

Deno.test("shard names missing, empty and unsuitable inputs", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos");
  const missing = await shard(folder.path, []);
  assert.equal(missing.code, 66);
  assert.equal(
    missing.message,
    'shard: Cannot read images: "S/photos" does not exist, give a folder of images',
  );
  await writePicture(join(photos, "notes.txt"), "x");
  const empty = await shard(folder.path, []);
  assert.equal(empty.code, 66);
  assert.equal(
    empty.message,
    'shard: Cannot read images: "S/photos" holds no images (wanted JPEG, PNG, WebP, AVIF, GIF or TIFF, ' +
      "got 1 other files)",
  );
  await writePicture(join(photos, "a.jpg"), "not an image");
  const unreadable = await shard(folder.path, ["--max-bad-fraction", "1"]);
  assert.equal(unreadable.code, 65);
  assert.match(
    unreadable.message,
    /^shard: Cannot make shards: none of the 1 images is readable: "a\.jpg" \(Cannot decode: not an image, /,
  );
  assert.deepEqual(await namesIn(folder.path), ["out.quarantine.jsonl", "photos"]);
  await writePicture(join(photos, "a.jpg"), await speckled(20).jpeg().toBuffer());
  const oneSide = await shard(folder.path, ["--holdout", "0.5"]);
  assert.equal(oneSide.code, 2);
  assert.match(
    oneSide.message,
    /^shard: Cannot split 1 images with --holdout 0\.5: got \d for train and \d for test, wanted at least one each, change --holdout or --seed or add images$/,
  );
  const within = await reportOf("shard", ["--images", photos, "--out", folder.path, "--force"], {
    hide: folder.path,
  });
  assert.equal(within.code, 2);
  assert.equal(
    within.message,
    'shard: Cannot write the shards to "S": the images "S/photos" lie in there and would be replaced, ' +
      "give another --out",
  );
  const file = await reportOf("shard", ["--images", join(photos, "a.jpg"), "--out", "unused"], {
    hide: folder.path,
  });
  assert.equal(file.code, 66);
  assert.equal(
    file.message,
    'shard: Cannot read images: "S/photos/a.jpg" is a file, give its folder',
  );
});

Deno.test("shard may write into the folder of the images, and does not read its own output", async () => {
  await using folder = await temporaryFolder();
  await makePhotos(join(folder.path, "photos"), 4);
  const args = ["--images", folder.path, "--out", join(folder.path, "out")];
  assert.equal((await reportOf("shard", args, { hide: folder.path })).result.images, 4);
  assert.equal((await reportOf("shard", args, { hide: folder.path })).result.status, "up to date");
});

Deno.test("shard reports files and folders that it may not read", async () => {
  const user = await asOrdinaryUser();
  if (user === undefined) return;
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos");
  await makePhotos(photos, 4);
  await Deno.chmod(join(photos, "cat/1.png"), 0);
  await Deno.chmod(join(photos, "dög"), 0);
  const closed = await shard(folder.path, ["--max-bad-fraction", "1"], user);
  await Deno.chmod(join(photos, "dög"), 0o755);
  assert.equal(closed.code, 65);
  assert.equal(
    closed.message,
    'shard: Cannot read images: 1 folder in "S/photos" cannot be looked into, so the number of missing images is ' +
      'unknown and no --max-bad-fraction allows it: "dög/" (not readable: permission denied); mend that, or move it ' +
      'out of the images folder; all are listed in "S/out.quarantine.jsonl"',
  );
  assert.deepEqual(await namesIn(folder.path), ["out.quarantine.jsonl", "photos"]);
  const ran = await shard(folder.path, ["--max-bad-fraction", "0.9"], user);
  assert.equal(ran.code, 0, ran.stderr);
  const list = await Deno.readTextFile(join(folder.path, "out/quarantine.jsonl"));
  assert.deepEqual(list.trim().split("\n").map((line) => JSON.parse(line)), [
    { path: "cat/1.png", reason: "Cannot read: permission denied" },
  ]);
  assert.deepEqual(await namesIn(folder.path), ["out", "photos"]);
});

Deno.test("shard names an output that cannot be written or is being written", async () => {
  await using folder = await temporaryFolder();
  await makePhotos(join(folder.path, "photos"), 2);
  const out = join(folder.path, "out");
  {
    await using _lock = await holdLock(join(folder.path, ".out.lock"), out, {
      removeAfter: () => true,
      say: () => {},
    });
    const locked = await shard(folder.path, []);
    assert.equal(locked.code, 73);
    assert.match(
      locked.message,
      /^shard: Cannot write "S\/out": another process \(process \d+\) is working on it, wait for it to end or give another --out$/,
    );
  }
  const user = await asOrdinaryUser();
  if (user === undefined) return;
  const closed = join(folder.path, "closed");
  await Deno.mkdir(closed, { mode: 0o555 });
  const args = ["--images", join(folder.path, "photos"), "--out", join(closed, "out")];
  const ran = await reportOf("shard", args, { hide: folder.path, prefix: user });
  assert.equal(ran.code, 73);
  assert.equal(
    ran.message,
    'shard: Cannot write "S/closed/out": permission denied (in "S/closed"), give another --out or ' +
      "change its permissions",
  );
});

Deno.test("shard says that the disk is full and leaves nothing", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos"), small = join(folder.path, "small");
  for (let i = 0; i < 4; i++) {
    await writePicture(join(photos, `${i}.png`), await speckled().png().toBuffer());
  }
  await withSmallDisk(small, 64, async () => {
    const args = ["--images", photos, "--out", join(small, "out")];
    const ran = await reportOf("shard", args, { hide: folder.path });
    assert.equal(ran.code, 73);
    assert.equal(
      ran.message,
      'shard: Cannot write "S/small/out": the disk is full, free some space and run the command again',
    );
    assert.deepEqual(await namesIn(small), []);
  });
});
