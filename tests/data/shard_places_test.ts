import assert from "node:assert/strict";
import { join } from "node:path";
import { openShards } from "../../lib/data/shards.ts";
import { messageOf } from "../../lib/failure.ts";
import { failureOf, makeShards } from "./numbered_shards.ts";
import { temporaryFolder } from "../images/pictures.ts";

const encoder = new TextEncoder();

/** Makes two shards of three samples, and changes the manifest. */
async function withManifest(
  folder: string,
  change: (places: Places, shards: { file: string; offsets: Places }[]) => void,
): Promise<void> {
  await makeShards(folder, { images: 6, shardImages: 3 });
  const path = join(folder, "manifest.json"), manifest = JSON.parse(await Deno.readTextFile(path));
  const { shards } = manifest.splits.train;
  change(shards[0].offsets, shards);
  await Deno.writeTextFile(path, JSON.stringify(manifest));
}

type Places = [number, number, number, number][];

Deno.test("openShards() refuses places that share members or leave some out", async () => {
  const changes: Record<string, Parameters<typeof withManifest>[1]> = {
    "records swapped": ([a, b]) => [a![2], a![3], b![2], b![3]] = [b![2], b![3], a![2], a![3]],
    "one record for two": ([a, b]) => b!.splice(2, 2, a![2], a![3]),
    "images swapped": ([a, b]) => [a![0], a![1], b![0], b![1]] = [b![0], b![1], a![0], a![1]],
    "samples swapped": (places) => places.push(...places.splice(0, 1)),
    "one sample twice": (places) => places[1] = places[0]!,
    "a record for an image": ([a]) => a!.splice(0, 2, a![2], a![3]),
    "a block off": ([a]) => a![0] += 512,
    "shards swapped": (_, shards) => shards.reverse(),
    "a file of another split": (_, [a]) => a!.file = "test-000000.tar",
  };
  for (const [name, change] of Object.entries(changes)) {
    await using folder = await temporaryFolder();
    await withManifest(folder.path, change);
    assert.match(
      await failureOf(openShards(folder.path), folder.path),
      /^data: Cannot read the manifest "S\/manifest.json": "splits\S*" wants (places|tar files) .*, run shard again$/,
      name,
    );
  }
});

Deno.test("openShards() refuses a manifest that leaves a sample out, first, middle or last", async () => {
  for (const left of [0, 1, 2]) {
    await using folder = await temporaryFolder();
    await makeShards(folder.path, { images: 3, shardImages: 3 });
    const path = join(folder.path, "manifest.json");
    const manifest = JSON.parse(await Deno.readTextFile(path)), { train } = manifest.splits;
    train.shards[0].offsets.splice(left, 1);
    train.images = train.shards[0].images = 2;
    await Deno.writeTextFile(path, JSON.stringify(manifest));
    assert.match(await failureOf(openShards(folder.path), folder.path), /wants places /, `${left}`);
  }
});

Deno.test("samples are read only where their headers say what manifest and record say", async () => {
  const sampleOf = async (change: (tar: Uint8Array, places: Places) => void) => {
    await using folder = await temporaryFolder();
    await makeShards(folder.path, { images: 2, shardImages: 2 });
    const tar = join(folder.path, "train-000000.tar"), bytes = await Deno.readFile(tar);
    const path = join(folder.path, "manifest.json");
    const manifest = JSON.parse(await Deno.readTextFile(path));
    change(bytes, manifest.splits.train.shards[0].offsets);
    await Deno.writeFile(tar, bytes);
    await Deno.writeTextFile(path, JSON.stringify(manifest));
    await using split = (await openShards(folder.path)).split("train");
    const message = await failureOf(split.readSample(1), folder.path);
    const image = await split.readImage(1).then(() => "read", messageOf);
    const [, reason] =
      /^data: Cannot read sample 1 of "S\/train-000000.tar": (.*), run shard again$/
        .exec(message) ?? [];
    assert.ok(image === "read" || image.endsWith(`: ${reason}, run shard again`), image);
    return [reason, image === "read"];
  };
  const text = (bytes: Uint8Array, place: number) =>
    new TextDecoder().decode(bytes.subarray(place, place + 300));
  /** Writes a name over that of a member, with its checksum. */
  const rename = (tar: Uint8Array, at: number, name: string) => {
    const header = tar.subarray(at - 512, at);
    header.fill(0, 0, 100).fill(32, 148, 156).set(encoder.encode(name));
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.set(encoder.encode(sum.toString(8).padStart(6, "0")), 148);
    header[154] = 0;
  };
  assert.deepEqual(await sampleOf((_, [, b]) => b![1] -= 1), [
    '"k1.jpg" has 501 bytes, the manifest says 500',
    false,
  ]);
  assert.deepEqual(await sampleOf((_, [, b]) => b![3] += 1), [
    '"k1.json" has 63 bytes, the manifest says 64',
    true,
  ]);
  assert.deepEqual(await sampleOf((tar, [, b]) => tar[b![0] - 500]! ^= 1), [
    "no member begins at its place in the manifest",
    false,
  ]);
  assert.deepEqual(await sampleOf((tar, [, b]) => rename(tar, b![2], "k0.json")), [
    'its record is "k0.json", wanted "k1.json"',
    true,
  ]);
  assert.deepEqual(await sampleOf((tar, [, b]) => rename(tar, b![0], "k1.cls")), [
    '"k1.cls" is not an image',
    false,
  ]);
  const swapped = (tar: Uint8Array, [, b]: Places) => {
    const record = text(tar, b![2]).replace('"k1"', '"k0"');
    tar.set(encoder.encode(record), b![2]);
  };
  assert.deepEqual(await sampleOf(swapped), [
    'its .json member is that of "k0", wanted "k1"',
    true,
  ]);
  const cut = (tar: Uint8Array, [, b]: Places) => tar[b![2]] = 0;
  const [reason] = await sampleOf(cut);
  assert.match(String(reason), /^its \.json member is damaged \(it is not JSON/);
});
