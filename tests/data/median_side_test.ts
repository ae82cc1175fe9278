import assert from "node:assert/strict";
import { join } from "node:path";
import { medianSide, openShards } from "../../lib/data/mod.ts";
import { Failure } from "../../lib/failure.ts";
import { withFolder } from "../folder.ts";
import { pictureFile, writeShards } from "./small_shards.ts";

async function medianOf(sizes: readonly (readonly [height: number, width: number])[]) {
  let median = NaN;
  await withFolder(async (folder) => {
    const shards = join(folder, "shards");
    const images = await Promise.all(sizes.map((size, i) => pictureFile(i, size)));
    await writeShards(shards, images, { perShard: 100, sizes });
    await using split = (await openShards(shards)).split("train");
    median = await medianSide(split);
  });
  return median;
}

Deno.test("medianSide() is the median of the shorter sides", async () => {
  assert.equal(await medianOf([[8, 20]]), 8);
  assert.equal(await medianOf([[8, 20], [30, 12], [9, 9]]), 9);
  // Of 300 images 101 are looked at, all over the split: the first 180 are small.
  const many = Array.from({ length: 300 }, (_, i) => i < 180 ? [4, 6] as const : [9, 7] as const);
  assert.equal(await medianOf(many), 4);
  assert.equal(await medianOf(many.toReversed()), 4);
});

Deno.test("medianSide() fails where a record says no size", async () => {
  await withFolder(async (folder) => {
    await writeShards(folder, [await pictureFile(0, [8, 8])], { perShard: 1 });
    await using split = (await openShards(folder)).split("train");
    await assert.rejects(medianSide(split), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, "data");
      assert.match(error.message, /sample 0 of ".*": "width" is missing/);
      return true;
    });
  });
});
