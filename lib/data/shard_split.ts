/** Random access to the samples of one split. */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { systemReason } from "../files/mod.ts";
import { BLOCK_BYTES, readHeader } from "../formats/tar.ts";
import type { LabelColumn, Manifest, ShardFile } from "./manifest.ts";
import {
  parseSampleRecord,
  parseSampleSize,
  type SampleRecord,
  type SampleSize,
} from "./sample_record.ts";

/** One image with its record. */
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
  /** Its size from its record; the image is not read. */
  readSize(index: number): Promise<SampleSize>;
}

/** Open files are kept, but a data set may have more shards than a process may have open files. */
const OPEN_FILES = 64;

/** A member after its header. @throws {Error} another header, or none */
function memberOf(bytes: Uint8Array, length: number) {
  const header = readHeader(bytes.subarray(0, BLOCK_BYTES));
  if (header === undefined) throw new Error("no member begins at its place in the manifest");
  if (header.length !== length) {
    throw new Error(`"${header.name}" has ${header.length} bytes, the manifest says ${length}`);
  }
  return { name: header.name, data: bytes.subarray(BLOCK_BYTES, BLOCK_BYTES + length) };
}

/** The image of a sample, whose name but for its extension is the key. @throws {Error} as {@link memberOf} */
function imageOf(bytes: Uint8Array, length: number) {
  const { name, data } = memberOf(bytes, length);
  const dot = name.lastIndexOf("."), key = name.slice(0, dot);
  if (["json", "cls"].includes(name.slice(dot + 1))) throw new Error(`"${name}" is not an image`);
  return { key, data };
}

/** The record of the sample of this key. @throws {Error} it is damaged, or has another key */
function recordOf(
  bytes: Uint8Array,
  { key, columns }: { readonly key: string; readonly columns: readonly LabelColumn[] },
): SampleRecord {
  let record: SampleRecord;
  try {
    record = parseSampleRecord(bytes, columns);
  } catch (error) {
    throw new Error(`its .json member is damaged (${messageOf(error)})`, { cause: error });
  }
  if (record.key === key) return record;
  throw new Error(`its .json member is that of "${record.key}", wanted "${key}"`);
}

/** Reads the samples of a split by their offsets in the tar files. */
export class SplitReader implements ShardSplit {
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

  /** Bytes of the tar file of a shard. */
  async #read(shard: number, start: number, length: number): Promise<Uint8Array> {
    this.#reading.set(shard, (this.#reading.get(shard) ?? 0) + 1);
    try {
      const handle = await this.#handle(shard);
      const bytes = new Uint8Array(length);
      const { bytesRead } = await handle.read(bytes, 0, length, start);
      if (bytesRead === length) return bytes;
      throw new Failure(
        "data",
        `Cannot read "${this.#path(shard)}": wanted ${length} bytes at ${start}, ` +
          `got ${bytesRead}, the file is cut short, run shard again`,
      );
    } catch (error) {
      if (error instanceof Failure) throw error;
      this.#handles.delete(shard);
      const reason = systemReason(this.#path(shard), error) ?? messageOf(error);
      throw new Failure("data", `Cannot read "${this.#path(shard)}": ${reason}`, { cause: error });
    } finally {
      const readers = this.#reading.get(shard)! - 1;
      if (readers > 0) this.#reading.set(shard, readers);
      else this.#reading.delete(shard);
      if (this.#handles.size > OPEN_FILES) await this.#trim();
    }
  }

  #path(shard: number): string {
    return join(this.#directory, this.#shards[shard]!.file);
  }

  /** The failure of a sample whose members contradict the manifest or its record. */
  #misfit(index: number, { shard, reason }: { shard: number; reason: unknown }): Failure {
    return new Failure(
      "data",
      `Cannot read sample ${index} of "${this.#path(shard)}": ${
        messageOf(reason)
      }, run shard again`,
      { cause: reason },
    );
  }

  /** Reads one member of a sample, of the two whose start and length are beside each other in the manifest. */
  async #readMember<T>(
    index: number,
    { at, parse }: { at: 0 | 2; parse: (bytes: Uint8Array, length: number) => T },
  ): Promise<T> {
    const { shard, row } = this.#locate(index);
    const offsets = this.#shards[shard]!.offsets[row]!;
    const start = offsets[at], length = offsets[at + 1]!;
    const bytes = await this.#read(shard, start - BLOCK_BYTES, BLOCK_BYTES + length);
    try {
      return parse(bytes, length);
    } catch (reason) {
      throw this.#misfit(index, { shard, reason });
    }
  }

  async readImage(index: number): Promise<Uint8Array> {
    const parse = (bytes: Uint8Array, length: number) => imageOf(bytes, length).data;
    return await this.#readMember(index, { at: 0, parse });
  }

  async readSize(index: number): Promise<SampleSize> {
    const parse = (bytes: Uint8Array, length: number) =>
      parseSampleSize(memberOf(bytes, length).data);
    return await this.#readMember(index, { at: 2, parse });
  }

  async readSample(index: number): Promise<Sample> {
    const { shard, row } = this.#locate(index);
    const [start, length, jsonStart, jsonLength] = this.#shards[shard]!.offsets[row]!;
    const first = start - BLOCK_BYTES, end = jsonStart + jsonLength;
    const bytes = await this.#read(shard, first, end - first);
    try {
      const { key, data: image } = imageOf(bytes, length);
      const json = memberOf(bytes.subarray(jsonStart - BLOCK_BYTES - first), jsonLength);
      if (json.name !== `${key}.json`) {
        throw new Error(`its record is "${json.name}", wanted "${key}.json"`);
      }
      return { ...recordOf(json.data, { key, columns: this.#columns }), image };
    } catch (reason) {
      throw this.#misfit(index, { shard, reason });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    for (const handle of handles) await (await handle).close();
  }
}
