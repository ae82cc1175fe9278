import assert from "node:assert/strict";
import { join } from "node:path";
import { formatManifest, type Manifest, parseManifest } from "../../lib/data/manifest.ts";
import { ShardWriter } from "../../lib/data/shard_writer.ts";
import { openShards, verifyShards } from "../../lib/data/shards.ts";
import { Failure } from "../../lib/failure.ts";
import { temporaryFolder } from "./pictures.ts";

const encoder = new TextEncoder();

/** Shards whose "images" are the bytes of their number. */
async function makeShards(
  directory: string,
  { images, shardImages }: { readonly images: number; readonly shardImages: number },
): Promise<void> {
  using writer = new ShardWriter(directory, "train", { shardImages });
  for (let i = 0; i < images; i++) {
    const key = `k${i}`, labels = { objects: i, shape: null };
    await writer.add([
      { name: `${key}.jpg`, data: encoder.encode(`image ${i}`.padEnd(500 + i, ".")) },
      {
        name: `${key}.json`,
        data: encoder.encode(JSON.stringify({ key, path: `${i}.jpg`, labels })),
      },
    ]);
  }
  const shards = await writer.finish();
  const manifest: Manifest = {
    format: "ijepa-shards",
    version: 1,
    splits: { train: { images, shards } },
    labels: [{ name: "objects", type: "number" }],
    channelMean: [0.5, 0.5, 0.5],
    channelStd: [0.25, 0.25, 0.25],
    quarantined: 0,
    seed: 0,
    holdoutFraction: 0,
    shorterSide: null,
  };
  await Deno.writeTextFile(join(directory, "manifest.json"), formatManifest(manifest));
}

async function failureOf(promise: Promise<unknown>, folder: string): Promise<string> {
  const error = await promise.then(() => undefined, (error) => error);
  assert.ok(error instanceof Failure, String(error));
  return `${error.kind}: ${error.message.replaceAll(folder, "S")}`;
}

Deno.test("readSample() reads any sample in any order, many at once", async () => {
  await using folder = await temporaryFolder();
  const images = 150;
  // More shards than are kept open.
  await makeShards(folder.path, { images, shardImages: 2 });
  const shards = await openShards(folder.path);
  await using split = shards.split("train");
  assert.equal(split.length, images);
  const order = Array.from({ length: 2 * images }, (_, i) => i * 67 % images);
  await Promise.all(order.map(async (index) => {
    const wanted = `image ${index}`.padEnd(500 + index, ".");
    assert.equal(new TextDecoder().decode(await split.readImage(index)), wanted);
    const { key, path, image, labels } = await split.readSample(index);
    assert.equal(new TextDecoder().decode(image), wanted);
    assert.deepEqual([key, path, labels], [`k${index}`, `${index}.jpg`, {
      objects: index,
      shape: null,
    }]);
  }));
  await assert.rejects(split.readImage(images), RangeError);
  await assert.rejects(split.readSample(-1), RangeError);
});

Deno.test("openShards() names what is missing or cut short", async () => {
  await using folder = await temporaryFolder();
  const { path } = folder;
  const open = () => failureOf(openShards(path), path);
  const hint = "give the folder that the shard stage has written";
  assert.equal(
    await open(),
    `missing: Cannot open the shards "S": "S/manifest.json" does not exist, ${hint}`,
  );
  await makeShards(path, { images: 3, shardImages: 2 });
  const tar = join(path, "train-000001.tar");
  const bytes = await Deno.readFile(tar);
  await Deno.writeFile(tar, bytes.subarray(0, 1000));
  assert.equal(
    await open(),
    `data: Cannot open the shards "S": "S/train-000001.tar" has the wrong length: ` +
      `wanted ${bytes.length} bytes, got 1000, run shard again`,
  );
  await Deno.remove(tar);
  assert.equal(
    await open(),
    'missing: Cannot open the shards "S": "S/train-000001.tar" does not exist, run shard again',
  );
  await Deno.writeTextFile(join(path, "manifest.json"), "{");
  assert.match(
    await open(),
    /^data: Cannot read the manifest "S\/manifest.json": not valid JSON \(.*\), run shard again$/,
  );
});

Deno.test("split() suggests the name of a split", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 1, shardImages: 1 });
  const shards = await openShards(folder.path);
  assert.throws(() => shards.split("trian"), {
    message:
      `Cannot read the shards "${folder.path}": there is no split "trian", did you mean "train"?`,
  });
});

Deno.test("verifyShards() names the shard whose bytes have changed", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 4, shardImages: 2 });
  const shards = await openShards(folder.path);
  const seen: number[] = [];
  await verifyShards(shards, "train", (done, total) => seen.push(done / total));
  assert.deepEqual(seen, [0.5, 1]);
  const tar = join(folder.path, "train-000001.tar");
  const bytes = await Deno.readFile(tar);
  bytes[600]! ^= 1;
  await Deno.writeFile(tar, bytes);
  const message = await failureOf(verifyShards(shards, "train"), folder.path);
  const wanted = shards.manifest.splits["train"]!.shards[1]!.sha256;
  assert.match(
    message,
    new RegExp(
      `^data: Cannot use the shard "S/train-000001.tar": wanted SHA-256 ${wanted}, ` +
        `got [0-9a-f]{64}, run shard again$`,
    ),
  );
});

Deno.test("a shard that shrinks while it is read is an error, not a short image", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 2, shardImages: 2 });
  await using split = (await openShards(folder.path)).split("train");
  await Deno.truncate(join(folder.path, "train-000000.tar"), 700);
  assert.equal(
    await failureOf(split.readImage(0), folder.path),
    'data: Cannot read "S/train-000000.tar": wanted 500 bytes at 512, got 188, the file is cut short, ' +
      "run shard again",
  );
});

Deno.test("parseManifest() refuses manifests that do not add up", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 2, shardImages: 2 });
  const text = await Deno.readTextFile(join(folder.path, "manifest.json"));
  assert.equal(formatManifest(parseManifest(text, "m")), text);
  const cases = [
    ['"ijepa-shards"', '"tars"', '"format" is not "ijepa-shards"'],
    ['"version": 1', '"version": 2', "wanted version 1, got 2"],
    ['"images": 2', '"images": 3', 'split "train" does not add up'],
    ["train-000000.tar", "../../train-000000.tar", 'split "train" does not add up'],
    ["[512,", '["512",', 'split "train" does not add up'],
    ['"number"', '"class"', '"labels" is not understood'],
    ['"channelStd"', '"std"', '"channelStd" is not three numbers'],
  ] as const;
  for (const [from, to, flaw] of cases) {
    assert.ok(text.includes(from), from);
    assert.throws(() => parseManifest(text.replace(from, to), "m"), {
      message: `Cannot read the manifest "m": ${flaw}, run shard again`,
    });
  }
});
