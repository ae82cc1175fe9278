import { Failure, messageOf } from "../failure.ts";

/** One tar file of a split. */
export interface ShardFile {
  /** File name inside the shards directory, for example `train-000000.tar`. */
  readonly file: string;
  readonly images: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Per sample: start and length of the image bytes and of its `.json` member inside the tar. */
  readonly offsets: readonly SampleOffsets[];
}

/** Places in a tar file, in bytes. */
export type SampleOffsets = readonly [
  image: number,
  imageBytes: number,
  json: number,
  jsonBytes: number,
];

/** A column of labels. Values are strings for `class`, numbers for `number`, `null` where unknown. */
export interface LabelColumn {
  readonly name: string;
  readonly type: "class" | "number";
  /** All classes, sorted by code unit; only for `class`. */
  readonly classes?: readonly string[];
}

/** The images of one side of the data, `train` or `test`. */
export interface SplitManifest {
  readonly images: number;
  readonly shards: readonly ShardFile[];
}

/** Red, green and blue. */
export type Channels = readonly [number, number, number];

/** What `manifest.json` says about a directory of shards. Equal input images give equal bytes. */
export interface Manifest {
  readonly format: "ijepa-shards";
  readonly version: 1;
  readonly splits: Readonly<Record<string, SplitManifest>>;
  readonly labels: readonly LabelColumn[];
  /** The column whose class index is in the `.cls` members, where there is one. */
  readonly clsColumn?: string;
  /** Mean of the training images, each image with equal weight, 0 to 1. */
  readonly channelMean: Channels;
  /** Standard deviation of the training pixels around that mean, 0 to 1. */
  readonly channelStd: Channels;
  /** Files that were left out, listed in `quarantine.jsonl`. */
  readonly quarantined: number;
  /** Seed of the order and of the holdout. */
  readonly seed: number;
  readonly holdoutFraction: number;
  /** Pixels of the shorter side after shrinking, `null` when images keep their original bytes. */
  readonly shorterSide: number | null;
}

/** Name of the manifest inside a shards directory. */
export const MANIFEST_FILE = "manifest.json";

type Loose = { readonly [key: string]: unknown } | null | undefined;

function isShardFile(value: unknown): boolean {
  const shard = value as Loose;
  return typeof shard?.["file"] === "string" && /^[\w-]+\.tar$/.test(shard["file"]) &&
    Number.isSafeInteger(shard["bytes"]) && typeof shard["sha256"] === "string" &&
    Array.isArray(shard["offsets"]) && shard["offsets"].length === shard["images"] &&
    shard["offsets"].every((o) =>
      Array.isArray(o) && o.length === 4 && o.every(Number.isSafeInteger)
    );
}

function isSplit(value: unknown): boolean {
  const split = value as Loose;
  const shards = split?.["shards"];
  if (!Array.isArray(shards) || !shards.every(isShardFile)) return false;
  return split!["images"] === shards.reduce((sum, shard) => sum + shard.images, 0);
}

function isChannels(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}

function isLabelColumn(value: unknown): boolean {
  const column = value as Loose;
  return typeof column?.["name"] === "string" &&
    (column["type"] === "number" ||
      (column["type"] === "class" && Array.isArray(column["classes"])));
}

/** The first part of a manifest that is not as it should be, or `undefined`. */
function flawOf(manifest: Loose): string | undefined {
  if (manifest?.["format"] !== "ijepa-shards") return `"format" is not "ijepa-shards"`;
  if (manifest["version"] !== 1) return `wanted version 1, got ${manifest["version"]}`;
  const splits = manifest["splits"];
  if (splits === null || typeof splits !== "object") return `"splits" is missing`;
  for (const [name, split] of Object.entries(splits)) {
    if (!isSplit(split)) return `split "${name}" does not add up`;
  }
  const labels = manifest["labels"];
  if (!Array.isArray(labels) || !labels.every(isLabelColumn)) return `"labels" is not understood`;
  for (const key of ["channelMean", "channelStd"]) {
    if (!isChannels(manifest[key])) return `"${key}" is not three numbers`;
  }
  return undefined;
}

/**
 * Reads the text of a manifest.
 *
 * @param path where it came from, for messages
 * @throws {Failure} `data`: not JSON, another format or version, or numbers that do not add up
 */
export function parseManifest(text: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Failure(
      "data",
      `Cannot read the manifest "${path}": not valid JSON (${messageOf(error)}), run shard again`,
      { cause: error },
    );
  }
  const flaw = flawOf(value as Loose);
  if (flaw !== undefined) {
    throw new Failure("data", `Cannot read the manifest "${path}": ${flaw}, run shard again`);
  }
  return value as Manifest;
}

/** The text of a manifest: one line per sample, so that large ones stay readable and small. */
export function formatManifest(manifest: Manifest): string {
  return JSON.stringify(manifest, null, 1).replace(
    /\[\s+(\d+),\s+(\d+),\s+(\d+),\s+(\d+)\s+\]/g,
    "[$1,$2,$3,$4]",
  ) + "\n";
}

/** The text of `_info.json`, the index that timm's WebDataset reader looks for. */
export function formatTimmInfo(splits: Manifest["splits"]): string {
  const entries = Object.entries(splits).map(([name, { images, shards }]) => [name, {
    name,
    num_samples: images,
    filenames: shards.map(({ file }) => file),
    shard_lengths: shards.map((shard) => shard.images),
  }]);
  return JSON.stringify({ splits: Object.fromEntries(entries) }) + "\n";
}
