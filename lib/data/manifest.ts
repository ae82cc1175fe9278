/** `manifest.json` of a shards directory: its schema, parser and writer. */
import * as v from "valibot";
import { Failure, messageOf } from "../failure.ts";
import { BLOCK_BYTES, paddedLength, TAR_END } from "../formats/tar.ts";
import { parseJson } from "../json.ts";

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

/** The content of `manifest.json`, which describes a directory of shards. Equal input images give equal bytes. */
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

const TEXT = v.pipe(v.string(), v.maxLength(65536));
const NAME = v.pipe(TEXT, v.minLength(1));
/** A count of files or images. */
const COUNT = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(1e9));
const BYTES = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(1e15));
const SHARE = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const CHANNELS = v.strictTuple([SHARE, SHARE, SHARE]);
/** Records of samples are small; see `lib/data/sample_record.ts`. */
const LARGEST_RECORD_BYTES = 16e6;
const MOST_COLUMNS = 4096;
/** Columns of feature files that are no labels. */
const RESERVED_COLUMNS = ["key", "path", "embedding"];

/** What may follow a record: a `.cls` member of a few digits. */
const CLS_BYTES = 2 * BLOCK_BYTES;

/**
 * Whether offsets are those of whole samples that fill a tar file without gap or overlap. Without a schema, since there
 * may be millions.
 */
function areWholeSamples(places: readonly unknown[], bytes: number): boolean {
  let end = 0, free = 0;
  for (const place of places) {
    if (!Array.isArray(place) || place.length !== 4) return false;
    if (!place.every((value) => Number.isSafeInteger(value) && value >= 0)) return false;
    const [image, imageBytes, json, jsonBytes] = place;
    const gap = image - BLOCK_BYTES - end;
    if (gap !== 0 && gap !== free) return false;
    if (imageBytes === 0 || json !== image + paddedLength(imageBytes) + BLOCK_BYTES) return false;
    if (jsonBytes > LARGEST_RECORD_BYTES) return false;
    end = json + paddedLength(jsonBytes);
    free = CLS_BYTES;
  }
  const gap = bytes - TAR_END.length - end;
  return gap === 0 || gap === free;
}

/** The name of a tar file of a split. */
export function shardFileName(split: string, number: number): string {
  return `${split}-${String(number).padStart(6, "0")}.tar`;
}

/** Whether every split has its own files, all of them and in order. */
function areNumbered(splits: Manifest["splits"]): boolean {
  return Object.entries(splits).every(([split, { shards }]) =>
    shards.every(({ file }, number) => file === shardFileName(split, number))
  );
}

const SHARD_FILE = v.pipe(
  v.object({
    file: v.pipe(
      v.string(),
      v.maxLength(128),
      v.regex(/^[\w-]+\.tar$/, "a plain file name that ends in .tar"),
    ),
    images: COUNT,
    bytes: BYTES,
    sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a SHA-256 of 64 hexadecimal digits")),
    offsets: v.custom<readonly SampleOffsets[]>(Array.isArray, "a list of places"),
  }),
  v.forward(
    v.partialCheck(
      [["offsets"], ["images"]],
      ({ offsets, images }) => offsets.length === images,
      "a place for each of the images",
    ),
    ["offsets"],
  ),
  v.forward(
    v.partialCheck(
      [["offsets"], ["bytes"]],
      ({ offsets, bytes }) => areWholeSamples(offsets, bytes),
      "places [image, imageBytes, json, jsonBytes], one sample behind the other, in all of the file",
    ),
    ["offsets"],
  ),
);

const SPLIT = v.pipe(
  v.object({ images: COUNT, shards: v.array(SHARD_FILE) }),
  v.forward(
    v.check(
      ({ images, shards }) => images === shards.reduce((sum, shard) => sum + shard.images, 0),
      "the sum of the images of its shards",
    ),
    ["images"],
  ),
);

function areDifferent(values: string[]): boolean {
  return new Set(values).size === values.length;
}

const CLASSES = v.pipe(v.array(TEXT), v.check(areDifferent, "classes of different names"));
const COLUMN_NAME = v.pipe(
  NAME,
  v.check((name) => !RESERVED_COLUMNS.includes(name), "a name that is not reserved"),
);
const LABEL_COLUMN = v.variant("type", [
  v.object({ name: COLUMN_NAME, type: v.literal("class"), classes: CLASSES }),
  v.object({ name: COLUMN_NAME, type: v.literal("number") }),
]);

const MANIFEST = v.pipe(
  v.object({
    format: v.literal("ijepa-shards"),
    version: v.literal(1),
    splits: v.pipe(
      v.record(v.pipe(v.string(), v.regex(/^[a-z][\w-]{0,63}$/, "a name of a split")), SPLIT),
      v.check((splits) => Object.keys(splits).length > 0, "an object with a split at least"),
    ),
    labels: v.pipe(
      v.array(LABEL_COLUMN),
      v.maxLength(MOST_COLUMNS),
      v.check(
        (columns) => areDifferent(columns.map(({ name }) => name)),
        "columns of different names",
      ),
    ),
    clsColumn: v.exactOptional(NAME),
    channelMean: CHANNELS,
    // 0 where all images are of one value in a channel, as pictures of a fluorescence microscope are.
    channelStd: CHANNELS,
    quarantined: COUNT,
    seed: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff)),
    holdoutFraction: SHARE,
    shorterSide: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))),
  }),
  v.forward(
    v.check(
      ({ splits }) => areNumbered(splits),
      "tar files SPLIT-000000.tar, SPLIT-000001.tar, ...",
    ),
    ["splits"],
  ),
  v.forward(
    v.check(
      ({ clsColumn, labels }) =>
        clsColumn === undefined ||
        labels.some(({ name, type }) => name === clsColumn && type === "class"),
      "the name of a label of classes",
    ),
    ["clsColumn"],
  ),
);

/**
 * Reads the text, or the bytes, of a manifest.
 *
 * @param path where it came from, for messages
 * @throws {Failure} `data`: not JSON, another format or version, or values that cannot be; the first one is named
 */
export function parseManifest(text: string | Uint8Array, path: string): Manifest {
  try {
    return parseJson(text, MANIFEST);
  } catch (error) {
    throw new Failure(
      "data",
      `Cannot read the manifest "${path}": ${messageOf(error)}, run shard again`,
      { cause: error },
    );
  }
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
