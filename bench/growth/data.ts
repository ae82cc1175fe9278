/** Growing datasets: more images, or the same ones in more shards. */
import { join } from "node:path";
import {
  formatManifest,
  type Manifest,
  MANIFEST_FILE,
  type ShardFile,
  shardFileName,
} from "../../lib/data/manifest.ts";
import { packMembers, TAR_END } from "../../lib/formats/tar.ts";
import { ours, runForJson, stage } from "../contestants.ts";
import type { Growing, Growth } from "./growing.ts";

/** What `bench/growth/data_process.ts` can do with a dataset. */
export type DataJob = "open" | "order" | "read" | "shard";

/** A sample of zeros, as long as scenes of 32 pixels are. */
const HOLLOW = [
  { name: "hollow.jpg", data: new Uint8Array(1024) },
  { name: "hollow.json", data: new Uint8Array(512) },
];

/**
 * A shards directory whose samples have the right length and nothing in them: opening it and reading the bytes of its
 * images is the same work as with pictures.
 *
 * @param options `images` in all, shared out to `shards` files
 */
export async function writeHollowShards(
  directory: string,
  { images, shards }: { readonly images: number; readonly shards: number },
): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  const { parts, starts: [image, json] } = await packMembers(HOLLOW);
  const sample = await new Blob([...parts] as BlobPart[]).bytes();
  const [imageBytes, jsonBytes] = HOLLOW.map(({ data }) => data.length) as [number, number];
  const files: ShardFile[] = [];
  for (let number = 0; number < shards; number++) {
    const first = Math.floor(images * number / shards);
    const count = Math.floor(images * (number + 1) / shards) - first;
    const file = shardFileName("train", number);
    const all = new Blob([...Array.from({ length: count }, () => sample), TAR_END] as BlobPart[]);
    await Deno.writeFile(join(directory, file), all.stream());
    const places = Array.from({ length: count }, (_, i) => i * sample.length);
    const offsets = places.map((at) => [at + image!, imageBytes, at + json!, jsonBytes] as const);
    const bytes = all.size;
    files.push({ file, images: count, bytes, sha256: "0".repeat(64), offsets });
  }
  const manifest: Manifest = {
    format: "ijepa-shards",
    version: 1,
    splits: { train: { images, shards: files } },
    labels: [],
    channelMean: [0.5, 0.5, 0.5],
    channelStd: [0.2, 0.2, 0.2],
    quarantined: 0,
    seed: 0,
    holdoutFraction: 0,
    shorterSide: null,
  };
  await Deno.writeTextFile(join(directory, MANIFEST_FILE), formatManifest(manifest));
}

const PICTURES = 100;

/** A folder of pictures, each of a few under many names. */
async function writePictures(
  folder: string,
  { images, source }: { readonly images: number; readonly source: string },
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const name = (index: number) => `${String(index).padStart(6, "0")}.jpg`;
  for (let index = 0; index < images; index++) {
    await Deno.link(join(source, "images", name(index % PICTURES)), join(folder, name(index)));
  }
}

const IMAGES = [4000, 8000, 16_000, 32_000], SHARDS = [4, 16, 64, 256, 1024, 4096];
const IMAGES_PER_SHARD = 1000, IMAGES_IN_SHARDS = 16_000;
const PACKED = [1000, 2000, 4000, 8000], PACKED_SHARDS = [1, 4, 16, 64], PACKED_IN_SHARDS = 2048;

interface Axis {
  readonly name: string;
  readonly job: DataJob;
  readonly what: string;
  readonly sizes: readonly number[];
  /** Images and shards of a size. */
  of(size: number): { readonly images: number; readonly shards: number };
  readonly expected: number;
  readonly because: string;
}

const byImages = (images: number) => ({ images, shards: images / IMAGES_PER_SHARD });
const byShards = (shards: number) => ({ images: IMAGES_IN_SHARDS, shards });

const ONCE = "each image once", SAME = "the same images", EACH_SHARD = "each file once";

const AXES: readonly Axis[] = [
  {
    ...{ name: "open-images", job: "open", what: "images of a dataset that is opened" },
    ...{ sizes: IMAGES, of: byImages, expected: 1, because: ONCE },
  },
  {
    ...{ name: "open-shards", job: "open", what: "shards of a dataset that is opened" },
    ...{ sizes: SHARDS, of: byShards, expected: 1, because: EACH_SHARD },
  },
  {
    ...{ name: "order-images", job: "order", what: "images of an epoch's order" },
    ...{ sizes: IMAGES, of: byImages, expected: 1, because: ONCE },
  },
  {
    ...{ name: "read-images", job: "read", what: "images of an epoch that is read" },
    ...{ sizes: IMAGES, of: byImages, expected: 1, because: ONCE },
  },
  {
    ...{ name: "read-shards", job: "read", what: "shards of an epoch that is read" },
    ...{ sizes: SHARDS, of: byShards, expected: 0, because: SAME },
  },
  {
    ...{ name: "shard-images", job: "shard", what: "images that the shard stage packs" },
    ...{ sizes: PACKED, of: (images) => ({ images, shards: 1 }), expected: 1, because: ONCE },
  },
  {
    ...{ name: "shard-shards", job: "shard", what: "shards that the shard stage makes" },
    sizes: PACKED_SHARDS,
    of: (shards) => ({ images: PACKED_IN_SHARDS, shards }),
    ...{ expected: 0, because: SAME },
  },
];

/** Repetitions before those that count, and those. */
const REPETITIONS: Readonly<Record<DataJob, readonly [warmUp: number, timed: number]>> = {
  open: [5, 20],
  order: [2, 10],
  read: [1, 2],
  shard: [0, 1],
};

/** Names of the datasets' growths. */
export const GROWING_DATA: readonly string[] = AXES.map(({ name }) => name);

/** Datasets that grow in images and in shards: opened, ordered, read and packed. */
export function growingData(folder: string): Growing[] {
  const source = join(folder, "scenes");
  return AXES.map(({ name, job, what, sizes, of, expected, because }) => ({
    name,
    async prepare(): Promise<Growth> {
      const contestants = [];
      for (const size of sizes) {
        const { images, shards } = of(size), made = join(folder, `${name}-${size}`);
        if (job === "shard") {
          await ensurePictures(source);
          await writePictures(made, { images, source });
        } else await writeHollowShards(made, { images, shards });
        const args = [job, made, images, Math.ceil(images / shards), ...REPETITIONS[job]];
        const grants = job === "shard" ? [`--allow-run=${Deno.execPath()}`] : [];
        contestants.push(ours("growth/data_process.ts", args.map(String), grants));
      }
      return { what, sizes, expected, because, contestants };
    },
  }));
}

async function ensurePictures(source: string): Promise<void> {
  const args = ["--out", source, "--count", `${PICTURES}`, "--size", "32"];
  await runForJson(stage("scenes", args)); // "up to date" from the second time on.
}
