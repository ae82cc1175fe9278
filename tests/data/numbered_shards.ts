import assert from "node:assert/strict";
import { join } from "node:path";
import { formatManifest, type Manifest } from "../../lib/data/manifest.ts";
import { ShardWriter } from "../../lib/data/shard_writer.ts";
import { Failure } from "../../lib/failure.ts";

const encoder = new TextEncoder();

/** Shards whose "images" are the bytes of their number. */
export async function makeShards(
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
    labels: [
      { name: "objects", type: "number" },
      { name: "shape", type: "class", classes: ["a", "b"] },
    ],
    channelMean: [0.5, 0.5, 0.5],
    channelStd: [0.25, 0.25, 0.25],
    quarantined: 0,
    seed: 0,
    holdoutFraction: 0,
    shorterSide: null,
  };
  await Deno.writeTextFile(join(directory, "manifest.json"), formatManifest(manifest));
}

/** Kind and message of a failure, with "S" for the folder. */
export async function failureOf(promise: Promise<unknown>, folder: string): Promise<string> {
  const error = await promise.then(() => undefined, (error) => error);
  assert.ok(error instanceof Failure, String(error));
  return `${error.kind}: ${error.message.replaceAll(folder, "S")}`;
}
