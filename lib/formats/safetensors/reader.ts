/** Reads one safetensors file. Header and sizes are checked before any tensor is loaded. */
import { Failure } from "../../failure.ts";
import { openInput, readFully } from "../../files/mod.ts";
import { describeValue } from "../../foreign_text.ts";
import { type HostTensor, sizeOf, type TensorRecord } from "../../tensor.ts";
import { type ElementType, LENGTH_BYTES, READ_TYPES } from "./element_types.ts";

/** Tensors of a file, with its metadata. */
export interface SafetensorsFile {
  readonly tensors: TensorRecord;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Position of a tensor in a file. Offsets count from the start of the data section. */
export interface TensorEntry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** The header of a file. */
export interface SafetensorsHeader {
  /** In the order of the file. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Room for 100,000 tensors; parsed, that takes half a gigabyte. */
const LARGEST_HEADER_BYTES = 16_000_000;
const MOST_AXES = 16;

function damaged(path: string, what: string): Failure {
  return new Failure(
    "data",
    `Cannot read "${path}": ${what}, the file is damaged, take another copy or make it again`,
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readEntry(path: string, name: string, value: unknown): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const type = READ_TYPES.find((known) => known.code === dtype);
  if (type === undefined) {
    const known = READ_TYPES.map((each) => each.code).join(", ");
    throw new Failure(
      "data",
      `Cannot read "${path}": tensor "${name}" has element type ${describeValue(dtype)}, ` +
        `wanted one of ${known}, convert the file first`,
    );
  }
  if (!Array.isArray(shape) || shape.length > MOST_AXES || !shape.every(isCount)) {
    throw damaged(path, `tensor "${name}" has no valid shape, got ${describeValue(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw damaged(path, `tensor "${name}" has no valid offsets, got ${describeValue(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  const wanted = sizeOf(shape) * type.bytes;
  if (end - start !== wanted) {
    throw damaged(
      path,
      `tensor "${name}" of shape [${
        shape.join(" ")
      }] and type ${type.code} needs ${wanted} bytes, ` +
        `got ${end - start}`,
    );
  }
  return { name, type, shape, start, end };
}

function readMetadata(path: string, value: unknown): Record<string, string> {
  if (
    value === null || typeof value !== "object" || Array.isArray(value) ||
    !Object.values(value).every((text) => typeof text === "string")
  ) throw damaged(path, `its "__metadata__" does not map text to text`);
  return value as Record<string, string>;
}

/** Entries in file order. The sum of their sizes must be the data section: no gap, no overlap, no rest. */
function expectContiguous(path: string, entries: readonly TensorEntry[], dataBytes: number): void {
  let end = 0, before = "the header";
  for (const entry of entries) {
    if (entry.start !== end) {
      const what = entry.start > end ? "a gap" : "an overlap";
      throw damaged(path, `there is ${what} between ${before} and tensor "${entry.name}"`);
    }
    end = entry.end;
    before = `tensor "${entry.name}"`;
    if (end > dataBytes) {
      throw damaged(
        path,
        `it is cut short: ${before} ends at byte ${end} of the data, got ${dataBytes} bytes`,
      );
    }
  }
  if (end !== dataBytes) throw damaged(path, `${dataBytes - end} bytes follow after ${before}`);
}

/** How many keys the object of a JSON text has, duplicates included, of which parsing keeps the last. */
function countKeys(json: string): number {
  let depth = 0, keys = 0, quoted = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (quoted) {
      if (character === "\\") at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === ":" && depth === 1) keys++;
  }
  return keys;
}

async function readHeader(
  path: string,
  file: Deno.FsFile,
): Promise<SafetensorsHeader> {
  const { size } = await file.stat();
  const prefix = new Uint8Array(LENGTH_BYTES);
  if (!await readFully(file, prefix)) {
    throw damaged(path, `it has ${size} bytes, wanted at least ${LENGTH_BYTES}`);
  }
  const headerBytes = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (headerBytes > size - LENGTH_BYTES) {
    throw damaged(path, `it announces a header of ${headerBytes} bytes in a file of ${size}`);
  }
  if (headerBytes > LARGEST_HEADER_BYTES) {
    throw damaged(
      path,
      `its header has ${headerBytes} bytes, wanted at most ${LARGEST_HEADER_BYTES}`,
    );
  }
  const bytes = new Uint8Array(headerBytes);
  if (!await readFully(file, bytes)) throw damaged(path, "its header is cut short");
  let header: unknown, text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    throw damaged(path, "its header is not JSON");
  }
  if (header === null || typeof header !== "object" || Array.isArray(header)) {
    throw damaged(path, "its header is not a JSON object");
  }
  if (countKeys(text) !== Object.keys(header).length) {
    throw damaged(path, "its header has a name twice");
  }
  const { __metadata__: metadata = {}, ...rest } = header as Record<string, unknown>;
  const entries = Object.entries(rest)
    .map(([name, value]) => readEntry(path, name, value))
    .sort((a, b) => a.start - b.start || a.end - b.end);
  expectContiguous(path, entries, size - LENGTH_BYTES - headerBytes);
  return { entries, metadata: readMetadata(path, metadata) };
}

/**
 * Names, types and shapes in a safetensors file, without loading the tensors.
 *
 * @throws {Failure} as {@link readSafetensors}
 */
export async function listSafetensors(path: string): Promise<SafetensorsHeader> {
  using file = await openInput(path);
  return await readHeader(path, file);
}

/**
 * Reads a safetensors file. Half-precision tensors become float32. Tensors that `wanted` rejects are not loaded.
 *
 * @throws {Failure} `missing`: there is no such file; `data`: it is damaged or holds another element type
 */
export async function readSafetensors(
  path: string,
  { wanted = () => true }: { readonly wanted?: (name: string) => boolean } = {},
): Promise<SafetensorsFile> {
  using file = await openInput(path);
  const { entries, metadata } = await readHeader(path, file);
  const tensors: [string, HostTensor][] = [];
  for (const { name, type, shape, start, end } of entries) {
    if (!wanted(name)) {
      await file.seek(end - start, Deno.SeekMode.Current);
      continue;
    }
    const bytes = new Uint8Array(end - start);
    if (!await readFully(file, bytes)) throw damaged(path, `it ends inside tensor "${name}"`);
    tensors.push([name, { dtype: type.dtype, shape, data: type.make(bytes.buffer) } as HostTensor]);
  }
  return { tensors: Object.fromEntries(tensors), metadata };
}
