import { join } from "node:path";
import sharp from "sharp";
import { formatManifest, type Manifest } from "../../lib/data/manifest.ts";
import { ShardWriter } from "../../lib/data/shard_writer.ts";

/** A picture like no other: a coloured gradient decided by its number. */
export async function pictureFile(
  number: number,
  [height, width]: readonly [number, number],
): Promise<Uint8Array> {
  const data = new Uint8Array(height * width * 3);
  for (let i = 0; i < data.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    data[i] = (x * (3 + number % 5) + y * (2 + c * (number % 7)) + number * 29) & 255;
  }
  return await sharp(data, { raw: { height, width, channels: 3 } }).png().toBuffer();
}

/**
 * A shards directory around given image files, damaged ones included, which the shard stage would set aside. With
 * `classes` the images have these in turn; records say `sizes`, where there are any.
 */
export async function writeShards(
  directory: string,
  images: readonly Uint8Array[],
  { perShard, classes, sizes }: {
    readonly perShard: number;
    readonly classes?: readonly string[];
    readonly sizes?: readonly (readonly [height: number, width: number])[];
  },
): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  using writer = new ShardWriter(directory, "train", { shardImages: perShard });
  for (const [i, data] of images.entries()) {
    const labels = classes === undefined ? {} : { class: classes[i % classes.length]! };
    const [height, width] = sizes?.[i] ?? [];
    const key = `sample-${i}`, record = { key, path: `${key}.png`, width, height, labels };
    const json = new TextEncoder().encode(JSON.stringify(record));
    await writer.add([{ name: `${key}.png`, data }, { name: `${key}.json`, data: json }]);
  }
  const shards = await writer.finish();
  const manifest: Manifest = {
    format: "ijepa-shards",
    version: 1,
    splits: { train: { images: images.length, shards } },
    labels: classes === undefined ? [] : [{ name: "class", type: "class", classes }],
    channelMean: [0.5, 0.5, 0.5],
    channelStd: [0.25, 0.25, 0.25],
    quarantined: 0,
    seed: 0,
    holdoutFraction: 0,
    shorterSide: null,
  };
  await Deno.writeTextFile(join(directory, "manifest.json"), formatManifest(manifest));
}
