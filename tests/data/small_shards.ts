import { join } from "node:path";
import sharp from "sharp";
import { formatManifest } from "../../lib/data/manifest.ts";
import type { Manifest, SampleOffsets, ShardFile } from "../../lib/data/manifest.ts";
import { sha256 } from "../../lib/files/mod.ts";

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
 * A shards directory around given image files, damaged ones included, which the shard stage would set aside. The
 * files named `.tar` hold what the offsets point at and nothing else.
 *
 * @param sizes of the images, for their records; without them these say none
 */
export async function writeShards(
  directory: string,
  images: readonly Uint8Array[],
  { perShard, sizes }: {
    readonly perShard: number;
    readonly sizes?: readonly (readonly [height: number, width: number])[];
  },
): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  const shards: ShardFile[] = [];
  for (let first = 0; first < images.length; first += perShard) {
    const parts: Uint8Array[] = [];
    const offsets: SampleOffsets[] = [];
    let end = 0;
    for (const [i, image] of images.slice(first, first + perShard).entries()) {
      const key = `sample-${first + i}`;
      const [height, width] = sizes?.[first + i] ?? [];
      const json = new TextEncoder().encode(
        JSON.stringify({ key, path: `${key}.png`, width, height, labels: {} }),
      );
      offsets.push([end, image.length, end + image.length, json.length]);
      parts.push(image, json);
      end += image.length + json.length;
    }
    const bytes = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
    const file = `train-${String(shards.length).padStart(6, "0")}.tar`;
    await Deno.writeFile(join(directory, file), bytes);
    shards.push({
      file,
      images: offsets.length,
      bytes: bytes.length,
      sha256: sha256(bytes),
      offsets,
    });
  }
  const manifest: Manifest = {
    format: "ijepa-shards",
    version: 1,
    splits: { train: { images: images.length, shards } },
    labels: [],
    channelMean: [0.5, 0.5, 0.5],
    channelStd: [0.25, 0.25, 0.25],
    quarantined: 0,
    seed: 0,
    holdoutFraction: 0,
    shorterSide: null,
  };
  await Deno.writeTextFile(join(directory, "manifest.json"), formatManifest(manifest));
}
