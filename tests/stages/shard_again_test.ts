/** `shard` run again: on images that were touched, changed, or packed by an earlier version. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readReceipt, receiptKey, receiptPath } from "../../lib/artifact/receipt.ts";
import { plain, temporaryFolder, writePicture } from "../images/pictures.ts";
import { type Report, reportOf } from "./report_of.ts";

async function makePhotos(folder: string): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const image = plain({ color: { r: 60 * i, g: 100, b: 50 } });
    await writePicture(join(folder, `photos/${i}.png`), await image.png().toBuffer());
    await Deno.utime(join(folder, `photos/${i}.png`), 1000, 1000);
  }
}

async function shard(folder: string, args: readonly string[] = []): Promise<Report> {
  const flags = ["--images", join(folder, "photos"), "--out", join(folder, "out"), ...args];
  return await reportOf("shard", flags, { hide: folder });
}

const COMPARED = /^shard: the images have other times than before, comparing their contents$/m;

Deno.test("shard is up to date where images were touched, and not where they were changed", async () => {
  await using folder = await temporaryFolder();
  await makePhotos(folder.path);
  const photo = join(folder.path, "photos/1.png"), out = join(folder.path, "out");
  const made = await shard(folder.path);
  assert.equal(made.code, 0, made.stderr);
  const { mtime } = await Deno.stat(join(out, "receipt.json"));

  const again = await shard(folder.path);
  assert.equal(again.result.status, "up to date");
  assert.doesNotMatch(again.stderr, COMPARED);

  await Deno.utime(photo, 1000, 2000);
  const touched = await shard(folder.path);
  assert.equal(touched.result.status, "up to date", touched.stderr);
  assert.match(touched.stderr, COMPARED);
  assert.deepEqual((await Deno.stat(join(out, "receipt.json"))).mtime, mtime);

  const bytes = await Deno.readFile(photo);
  bytes[bytes.length - 1]! ^= 1;
  await Deno.writeFile(photo, bytes);
  const changed = await shard(folder.path);
  assert.equal(changed.code, 73);
  assert.match(changed.message, /^shard: Cannot write "S\/out": it was made from other inputs/);

  const forced = await shard(folder.path, ["--force", "--max-bad-fraction", "0.9"]);
  assert.equal(forced.code, 0, forced.stderr);
  assert.doesNotMatch(forced.stderr, COMPARED);
  const after = await shard(folder.path, ["--max-bad-fraction", "0.9"]);
  assert.equal(after.result.status, "up to date", after.stderr);
  assert.doesNotMatch(after.stderr, COMPARED);
});

Deno.test("shard is up to date where an earlier version has packed the same images", async () => {
  await using folder = await temporaryFolder();
  await makePhotos(folder.path);
  const out = join(folder.path, "out");
  assert.equal((await shard(folder.path)).code, 0);
  const receipt = (await readReceipt(out, "directory"))!;
  const { path, timesSha256, sha256 } = receipt.inputs[0]!;
  assert.notEqual(sha256, timesSha256);
  const inputs = [{ path, sha256: timesSha256! }];
  const earlier = { ...receipt, inputs, key: receiptKey({ ...receipt, inputs }) };
  await Deno.writeTextFile(receiptPath(out, "directory"), JSON.stringify(earlier));
  const again = await shard(folder.path);
  assert.equal(again.result.status, "up to date", again.stderr);
});

Deno.test("shard records the same images alike, wherever and whenever they were copied", async () => {
  await using folder = await temporaryFolder();
  await makePhotos(folder.path);
  assert.equal((await shard(folder.path)).code, 0);
  const first = await readReceipt(join(folder.path, "out"), "directory");
  await Deno.rename(join(folder.path, "photos"), join(folder.path, "copies"));
  await Deno.utime(join(folder.path, "copies/0.png"), 5000, 5000);
  const flags = ["--images", join(folder.path, "copies"), "--out", join(folder.path, "other")];
  assert.equal((await reportOf("shard", flags, { hide: folder.path })).code, 0);
  const second = await readReceipt(join(folder.path, "other"), "directory");
  assert.equal(second!.key, first!.key);
  assert.equal(second!.output!.sha256, first!.output!.sha256);
});
