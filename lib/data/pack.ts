import { join } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import type { TarMember } from "../formats/tar.ts";
import { RandomStream } from "../random/mod.ts";
import { type ChannelMoments, channelMoments, ChannelStatistics } from "./channel_statistics.ts";
import { encodeShorterSide } from "./decode.ts";
import { ImageChecker } from "./image_checker.ts";
import { sniffFormat } from "./image_format.ts";
import { type BadFile, compareText } from "./images.ts";
import type { Labels } from "./labels.ts";
import type { Channels, SplitManifest } from "./manifest.ts";
import { mapInOrder } from "./ordered.ts";
import { sampleKeys } from "./sample_keys.ts";
import { ShardWriter } from "./shard_writer.ts";

/** How images become shards. */
export interface PackOptions {
  /** Folder of the images. */
  readonly root: string;
  /** Existing directory that receives the tar files. */
  readonly directory: string;
  readonly labels: Labels;
  /** The column whose class index becomes the `.cls` member. */
  readonly clsColumn: string | undefined;
  readonly shardImages: number;
  /** Pixels; `undefined` keeps the original bytes. */
  readonly shorterSide: number | undefined;
  readonly holdoutFraction: number;
  readonly seed: number;
  /** How many images are read and decoded at once; the result does not depend on it. */
  readonly inFlight: number;
  /** Called with every image that could be read whole. */
  readonly onRead?: (path: string, bytes: Uint8Array) => void;
  readonly onProgress?: (done: number, bad: number) => void;
}

/** What was written, and what was left out. */
export interface Packed {
  readonly splits: Readonly<Record<string, SplitManifest>>;
  readonly channelMean: Channels;
  readonly channelStd: Channels;
  /** Sorted by path. */
  readonly bad: readonly BadFile[];
}

/** Whether an image is held out for testing: a function of the seed and the path, whatever else is there. */
export function isHeldOut(path: string, at: { seed: number; holdoutFraction: number }): boolean {
  const stream = new RandomStream({ seed: at.seed, purpose: `holdout ${path}` });
  return stream.uniform() < at.holdoutFraction;
}

interface CheckedImage {
  readonly members: readonly TarMember[];
  readonly moments: ChannelMoments;
}

async function checkImage(
  { path, key, checker }: { readonly path: string; readonly key: string; checker: ImageChecker },
  { root, labels, clsColumn, shorterSide, onRead }: PackOptions,
): Promise<CheckedImage> {
  const original = await Deno.readFile(join(root, path));
  onRead?.(path, original);
  const image = await checker.decode(original);
  const shrink = shorterSide !== undefined && Math.min(image.width, image.height) > shorterSide;
  const { width, height, data } = shrink
    ? await encodeShorterSide(image, shorterSide)
    : { ...image, data: original };
  const extension = shrink ? "jpg" : sniffFormat(original)!.extension;
  const values = labels.valuesOf(path);
  const json = JSON.stringify({ key, path, width, height, labels: values });
  const members = [
    { name: `${key}.${extension}`, data },
    { name: `${key}.json`, data: new TextEncoder().encode(json) },
  ];
  const name = clsColumn === undefined ? null : values[clsColumn];
  if (name !== null && name !== undefined) {
    const classes = labels.columns.find((column) => column.name === clsColumn)!.classes!;
    const index = String(classes.indexOf(String(name)));
    members.push({ name: `${key}.cls`, data: new TextEncoder().encode(index) });
  }
  return { members, moments: channelMoments(image) };
}

/** Why a file is left out; an error that is not about the file is a bug and is thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return "Cannot read: permission denied";
  }
  const text = messageOf(error);
  if (/os error \d+/.test(text)) return `Cannot read: ${text.replace(/: \w+ '.*'$/, "")}`;
  throw error;
}

/**
 * Decodes every image, and writes the good ones in a seeded random order into the shards of `train` and, with a
 * holdout, `test`. Channel statistics are those of `train`. Equal images, labels and options give equal bytes.
 *
 * @param paths relative paths of the images, sorted
 */
export async function packImages(paths: readonly string[], options: PackOptions): Promise<Packed> {
  const { directory, shardImages, seed, holdoutFraction, inFlight, onProgress } = options;
  const keys = sampleKeys(paths);
  const order = new RandomStream({ seed, purpose: "shard order" }).permutation(paths.length);
  const statistics = new ChannelStatistics();
  const bad: BadFile[] = [];
  using train = new ShardWriter(directory, "train", { shardImages });
  using test = new ShardWriter(directory, "test", { shardImages });
  const checker = new ImageChecker();
  const checked = mapInOrder(order, async (index) => {
    const path = paths[index]!, key = keys[index]!;
    try {
      return { path, image: await checkImage({ path, key, checker }, options) };
    } catch (error) {
      return { path, reason: reasonOf(error) };
    }
  }, { inFlight });
  let done = 0;
  for await (const { path, image, reason } of checked) {
    if (image === undefined) bad.push({ path, reason });
    else if (isHeldOut(path, { seed, holdoutFraction })) await test.add(image.members);
    else {
      statistics.add(image.moments);
      await train.add(image.members);
    }
    onProgress?.(++done, bad.length);
  }
  const splits: Record<string, SplitManifest> = {};
  for (const [name, writer] of [["train", train], ["test", test]] as const) {
    const shards = await writer.finish();
    if (name === "test" && holdoutFraction === 0) continue;
    splits[name] = { images: shards.reduce((sum, shard) => sum + shard.images, 0), shards };
  }
  bad.sort((a, b) => compareText(a.path, b.path));
  return { splits, ...statistics.result(), bad };
}
