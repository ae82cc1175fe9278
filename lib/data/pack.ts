/** Packs images and labels into shards. */
import { Failure, messageOf } from "../failure.ts";
import type { TarMember } from "../formats/tar.ts";
import {
  encodeShorterSide,
  expectWholePicture,
  freeData,
  isShrunk,
  type RgbImage,
  sniffFormat,
  useImage,
} from "../images/mod.ts";
import { RandomStream } from "../random/mod.ts";
import { type ChannelMoments, channelMoments, ChannelStatistics } from "./channel_statistics.ts";
import { type BadFile, compareText } from "./listing.ts";
import { expectLasting } from "./listing/passing_error.ts";
import type { Labels } from "./labels.ts";
import type { Channels, SplitManifest } from "./manifest.ts";
import { mapInOrder } from "./ordered.ts";
import { sampleKeys } from "./sample_keys.ts";
import { ShardWriter } from "./shard_writer.ts";
import type { ImageSource } from "./source.ts";

/** How images become shards. */
export interface PackOptions {
  readonly source: ImageSource;
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
  /** Called with every image that was read whole. */
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
  /** Good images that use hardly any of their levels, sorted by path. */
  readonly faint: readonly FaintImage[];
}

/** An image with a narrow range of values: often samples of 12 bits in 16, or a picture of one colour. */
export interface FaintImage {
  readonly path: string;
  /** Lowest and highest value in any channel, 0 to 255. */
  readonly range: ChannelMoments["range"];
}

/** An image that spans fewer of the 256 levels is faint: 12 bits in 16 are 16 levels. */
const FAINT_LEVELS = 32;

/** Files that are in memory at once, bytes, unless a single one has more. */
const FILE_BYTES_IN_FLIGHT = 96 * 2 ** 20;

/** Whether an image is held out for testing: a function of its path and the seed, independent of other images. */
export function isHeldOut(path: string, at: { seed: number; holdoutFraction: number }): boolean {
  const stream = new RandomStream({ seed: at.seed, purpose: `holdout ${path}` });
  return stream.uniform() < at.holdoutFraction;
}

interface CheckedImage {
  readonly members: readonly TarMember[];
  readonly moments: ChannelMoments;
}

/** What goes into the shard: the file as it is, or a smaller JPEG. */
async function storedImage(image: RgbImage, original: Uint8Array, { shorterSide }: PackOptions) {
  const { width, height } = image;
  if (shorterSide === undefined || !isShrunk(image, shorterSide)) {
    return { width, height, data: original, extension: sniffFormat(original)!.extension };
  }
  return { ...await encodeShorterSide(image, shorterSide), extension: "jpg" };
}

async function checkImage(
  { path, key }: { readonly path: string; readonly key: string },
  options: PackOptions,
): Promise<CheckedImage> {
  const { source, labels, clsColumn, onRead } = options;
  const original = await source.read(path);
  onRead?.(path, original);
  const { stored, moments } = await useImage(original, async (image) => {
    await expectWholePicture(original, sniffFormat(original)!);
    const moments = channelMoments(image), stored = await storedImage(image, original, options);
    freeData(image);
    return { moments, stored };
  });
  const { width, height, data, extension } = stored;
  if (data !== original) freeData({ data: original });
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
  return { members, moments };
}

/** Why a file is left out; rethrows errors that are not about the file. @param name what messages call it */
function reasonOf(name: string, error: unknown): string {
  if (error instanceof Failure) return error.message;
  expectLasting(name, error);
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
 */
export async function packImages(options: PackOptions): Promise<Packed> {
  const { source, directory, shardImages, seed, holdoutFraction, inFlight, onProgress } = options;
  const paths = source.entries.map(({ path }) => path);
  const keys = sampleKeys(paths);
  const order = new RandomStream({ seed, purpose: "shard order" }).permutation(paths.length);
  const statistics = new ChannelStatistics();
  const bad: BadFile[] = [], faint: FaintImage[] = [];
  using train = new ShardWriter(directory, "train", { shardImages });
  using test = new ShardWriter(directory, "test", { shardImages });
  const checked = mapInOrder(order, async (index) => {
    const path = paths[index]!, key = keys[index]!;
    try {
      return { path, image: await checkImage({ path, key }, options) };
    } catch (error) {
      return { path, reason: reasonOf(source.nameOf(path), error) };
    }
  }, {
    inFlight,
    mostWeight: FILE_BYTES_IN_FLIGHT,
    weigh: (index) => source.sizeOf(paths[index]!),
  });
  let done = 0;
  for await (const { path, image, reason } of checked) {
    onProgress?.(++done, bad.length + (image === undefined ? 1 : 0));
    if (image === undefined) {
      bad.push({ path, reason });
      continue;
    }
    const { members, moments, moments: { range } } = image;
    if (range[1] - range[0] < FAINT_LEVELS) faint.push({ path, range });
    const isTest = isHeldOut(path, { seed, holdoutFraction });
    if (!isTest) statistics.add(moments);
    await (isTest ? test : train).add(members);
    members.forEach(freeData);
  }
  const splits: Record<string, SplitManifest> = {};
  for (const [name, writer] of [["train", train], ["test", test]] as const) {
    const shards = await writer.finish();
    if (name === "test" && holdoutFraction === 0) continue;
    splits[name] = { images: shards.reduce((sum, shard) => sum + shard.images, 0), shards };
  }
  for (const list of [bad, faint]) list.sort((a, b) => compareText(a.path, b.path));
  return { splits, ...statistics.result(), bad, faint };
}
