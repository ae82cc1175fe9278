/** What the loaders are measured on: pictures, the same ones as shards, and how batches are made of them. */
import { join } from "node:path";
import type { BatchSpec } from "../../lib/data/mod.ts";
import { imageSizeOf, resolveConfig } from "../../lib/config/mod.ts";
import { ours, runForJson, stage } from "../contestants.ts";

/** What a contestant is given; `work.json`. */
export interface LoaderWork {
  /** JPEG files; `spec.shards` has the same bytes. */
  readonly pictures: string;
  readonly spec: BatchSpec;
  readonly images: number;
  readonly batch: number;
  /** Threads or processes that make batches. */
  readonly workers: number;
  /** Decoded images that the loader may keep. */
  readonly cacheBytes: number;
  /** One value of so many is looked at: looking takes time from the workers. */
  readonly stride: number;
  /** Epochs: in each, every image comes once. */
  readonly warmUp: number;
  readonly timed: number;
}

/** Sizes of the pictures' files and of the whole. */
export interface LoaderSizes {
  readonly images: number;
  readonly batch: number;
  /** Width and height of a picture. */
  readonly pixels: number;
}

/** Several tar files: a reader of whole ones shares them out to its workers. */
const SHARDS = 4;

/** Renders pictures of `pixels` squared into a folder, and packs them as training wants them. */
export async function writeLoaderWork(
  folder: string,
  { images, batch, pixels }: LoaderSizes,
  run: Pick<LoaderWork, "workers" | "cacheBytes" | "stride" | "warmUp" | "timed">,
): Promise<LoaderWork> {
  const pictures = join(folder, "pictures"), shards = join(folder, "shards");
  await Deno.mkdir(pictures);
  const render = ours("loader/pictures.ts", [pictures, `${images}`, `${pixels}`], [
    "--allow-write",
  ]);
  await runForJson(render);
  const perShard = `${Math.ceil(images / SHARDS)}`;
  await runForJson(
    stage("shard", ["--images", pictures, "--out", shards, "--shard-images", perShard]),
  );
  const { data } = resolveConfig({ preset: "vits16" }).config;
  const { mean, std } = data;
  const size = imageSizeOf(data);
  const spec = { shards, split: "train", seed: 0, size, crop: data, mean, std };
  const work: LoaderWork = { pictures, spec, images, batch, ...run };
  await Deno.writeTextFile(join(folder, "work.json"), JSON.stringify(work, null, 2) + "\n");
  return work;
}
