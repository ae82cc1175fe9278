import { type FileHandle, open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expectUnchanged } from "../artifact/mod.ts";
import { Failure, messageOf } from "../failure.ts";
import { expectPlain, sha256, sha256File, systemCode, systemReason } from "../files/mod.ts";
import { suggestion } from "../nearest.ts";
import {
  type LabelColumn,
  type Manifest,
  MANIFEST_FILE,
  parseManifest,
  type ShardFile,
} from "./manifest.ts";
import { parseSampleRecord, parseSampleSize, type SampleSize } from "./sample_record.ts";

export type { LabelColumn, Manifest, ShardFile } from "./manifest.ts";

/** One image with what is known about it. */
export interface Sample {
  /** Name inside the tar, without extension; unique in the whole data set. */
  readonly key: string;
  /** Relative path in the folder that the shards were made from. */
  readonly path: string;
  /** The encoded image file. */
  readonly image: Uint8Array;
  readonly labels: Readonly<Record<string, string | number | null>>;
}

/** The images of one split, readable in any order and from several places at once. */
export interface ShardSplit extends AsyncDisposable {
  readonly name: string;
  /** Number of images. */
  readonly length: number;
  readSample(index: number): Promise<Sample>;
  /** The encoded image file only, which saves one read. */
  readImage(index: number): Promise<Uint8Array>;
  /** How large it is, without reading it. */
  readSize(index: number): Promise<SampleSize>;
}

/** A directory that the shard stage has written. */
export interface Shards {
  readonly directory: string;
  readonly manifest: Manifest;
  /** SHA-256 of `manifest.json`; it holds the hashes of all shards, so it stands for the data. */
  readonly manifestSha256: string;
  /** @throws {Failure} `usage`: no such split */
  split(name: string): ShardSplit;
}

/** Open files are kept, but a data set may have more shards than a process may have open files. */
const OPEN_FILES = 64;

class SplitReader implements ShardSplit {
  readonly name: string;
  readonly length: number;
  readonly #directory: string;
  readonly #shards: readonly ShardFile[];
  readonly #columns: readonly LabelColumn[];
  /** Index of the first sample of each shard. */
  readonly #firsts: readonly number[];
  readonly #handles = new Map<number, Promise<FileHandle>>();
  /** How many reads are under way on each shard: its file must stay open. */
  readonly #reading = new Map<number, number>();

  constructor(directory: string, name: string, { splits, labels }: Manifest) {
    const { shards } = splits[name]!;
    this.name = name;
    this.#directory = directory;
    this.#shards = shards;
    this.#columns = labels;
    let first = 0;
    this.#firsts = shards.map(({ images }) => (first += images) - images);
    this.length = first;
  }

  #locate(index: number): { readonly shard: number; readonly row: number } {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new RangeError(`sample ${index} of ${this.length} in split "${this.name}"`);
    }
    let low = 0, high = this.#firsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#firsts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return { shard: low, row: index - this.#firsts[low]! };
  }

  #handle(shard: number): Promise<FileHandle> {
    const known = this.#handles.get(shard);
    if (known !== undefined) return known;
    const opened = open(join(this.#directory, this.#shards[shard]!.file));
    this.#handles.set(shard, opened);
    return opened;
  }

  /** Closes the files that have been open longest, except those being read. */
  async #trim(): Promise<void> {
    for (const [shard, handle] of this.#handles) {
      if (this.#handles.size <= OPEN_FILES) return;
      if (this.#reading.has(shard)) continue;
      this.#handles.delete(shard);
      await (await handle).close();
    }
  }

  async #read(
    shard: number,
    places: readonly (readonly [start: number, length: number])[],
  ): Promise<Uint8Array[]> {
    const { file } = this.#shards[shard]!;
    this.#reading.set(shard, (this.#reading.get(shard) ?? 0) + 1);
    try {
      const handle = await this.#handle(shard);
      return await Promise.all(places.map(async ([start, length]) => {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await handle.read(bytes, 0, length, start);
        if (bytesRead === length) return bytes;
        throw new Failure(
          "data",
          `Cannot read "${join(this.#directory, file)}": wanted ${length} bytes at ${start}, ` +
            `got ${bytesRead}, the file is cut short, run shard again`,
        );
      }));
    } catch (error) {
      if (error instanceof Failure) throw error;
      this.#handles.delete(shard);
      throw new Failure(
        "data",
        `Cannot read "${join(this.#directory, file)}": ${messageOf(error)}`,
        { cause: error },
      );
    } finally {
      const readers = this.#reading.get(shard)! - 1;
      if (readers > 0) this.#reading.set(shard, readers);
      else this.#reading.delete(shard);
      if (this.#handles.size > OPEN_FILES) await this.#trim();
    }
  }

  async readImage(index: number): Promise<Uint8Array> {
    const { shard, row } = this.#locate(index);
    const [start, length] = this.#shards[shard]!.offsets[row]!;
    const [image] = await this.#read(shard, [[start, length]]);
    return image!;
  }

  async readSample(index: number): Promise<Sample> {
    const { shard, row } = this.#locate(index);
    const [start, length, jsonStart, jsonLength] = this.#shards[shard]!.offsets[row]!;
    const [image, json] = await this.#read(shard, [[start, length], [jsonStart, jsonLength]]);
    const record = this.#parse(index, () => parseSampleRecord(json!, this.#columns));
    return { ...record, image: image! };
  }

  async readSize(index: number): Promise<SampleSize> {
    const { shard, row } = this.#locate(index);
    const [, , start, length] = this.#shards[shard]!.offsets[row]!;
    const [json] = await this.#read(shard, [[start, length]]);
    return this.#parse(index, () => parseSampleSize(json!));
  }

  #parse<T>(index: number, parse: () => T): T {
    const { shard } = this.#locate(index);
    try {
      return parse();
    } catch (error) {
      throw new Failure(
        "data",
        `Cannot read sample ${index} of "${join(this.#directory, this.#shards[shard]!.file)}": ` +
          `its .json member is damaged (${messageOf(error)}), run shard again`,
        { cause: error },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    for (const handle of handles) await (await handle).close();
  }
}

/** A larger one is none: JavaScript could not hold its text. */
const LARGEST_MANIFEST_BYTES = 500e6;

async function readManifestBytes(directory: string): Promise<Uint8Array> {
  const path = join(directory, MANIFEST_FILE);
  try {
    const { size } = await expectPlain(path);
    if (size <= LARGEST_MANIFEST_BYTES) return await Deno.readFile(path);
    throw new Failure(
      "data",
      `Cannot read the manifest "${path}": it has ${size} bytes, wanted at most ` +
        `${LARGEST_MANIFEST_BYTES}, run shard again`,
    );
  } catch (error) {
    if (error instanceof Failure) throw error;
    const reason = ["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")
      ? `"${path}" does not exist, give the folder that the shard stage has written`
      : `"${path}" is not readable (${systemReason(resolve(path), error) ?? messageOf(error)})`;
    throw new Failure("missing", `Cannot open the shards "${directory}": ${reason}`, {
      cause: error,
    });
  }
}

async function expectSize(directory: string, { file, bytes }: ShardFile): Promise<void> {
  const path = join(directory, file);
  const size = await Deno.stat(path).then((info) => info.size, () => undefined);
  if (size === undefined) {
    throw new Failure(
      "missing",
      `Cannot open the shards "${directory}": "${path}" does not exist, run shard again`,
    );
  }
  if (size !== bytes) {
    throw new Failure(
      "data",
      `Cannot open the shards "${directory}": "${path}" has the wrong length: wanted ${bytes} bytes, ` +
        `got ${size}, run shard again`,
    );
  }
}

/**
 * Opens a shards directory: reads the manifest and checks the length of every tar file, which is cheap.
 *
 * @throws {Failure} `missing`: no manifest or no tar file; `data`: a damaged manifest, one that is not what its receipt
 * says, or a wrong length
 */
export async function openShards(directory: string): Promise<Shards> {
  const bytes = await readManifestBytes(directory);
  const path = join(directory, MANIFEST_FILE), manifestSha256 = sha256(bytes);
  await expectUnchanged({ path, sha256: manifestSha256 }, `open the shards "${directory}"`);
  const manifest = parseManifest(bytes, path);
  for (const { shards } of Object.values(manifest.splits)) {
    for (const shard of shards) await expectSize(directory, shard);
  }
  return {
    directory,
    manifest,
    manifestSha256,
    split(name) {
      if (!Object.hasOwn(manifest.splits, name)) {
        throw new Failure(
          "usage",
          `Cannot read the shards "${directory}": there is no split "${name}"` +
            suggestion(name, Object.keys(manifest.splits)),
        );
      }
      return new SplitReader(directory, name, manifest);
    },
  };
}

/**
 * Compares every tar file of a split with its SHA-256.
 *
 * @param onProgress called with the bytes checked so far and the bytes in all
 * @throws {Failure} `data`: names the tar file, the wanted and the real hash
 */
export async function verifyShards(
  shards: Shards,
  splitName: string,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): Promise<void> {
  const files = shards.manifest.splits[splitName]?.shards ?? [];
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const { file, bytes, sha256: wanted } of files) {
    const path = join(shards.directory, file);
    const got = await sha256File(path);
    if (got !== wanted) {
      throw new Failure(
        "data",
        `Cannot use the shard "${path}": wanted SHA-256 ${wanted}, got ${got}, run shard again`,
      );
    }
    onProgress?.(done += bytes, total);
  }
}
