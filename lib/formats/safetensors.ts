/**
 * The safetensors format: an 8-byte header length, a JSON header, then the tensors without gaps. Written byte for
 * byte as the Python library writes it (wider types first, then by name); read with distrust: whatever is wrong
 * with a file is named with its path and tensor. Numbers are little-endian, as on every machine Deno runs on.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Failure } from "../failure.ts";
import { readFully } from "../files/mod.ts";
import { type DataOf, type Dtype, type HostTensor, sizeOf, type TensorRecord } from "../tensor.ts";

/** Tensors of a file, with its free text. */
export interface SafetensorsFile {
  readonly tensors: TensorRecord;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What was written: enough to recognise the file later. */
export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** Where a tensor lies in a file. Offsets count from the start of the data section. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

interface ElementType {
  readonly dtype: Dtype;
  readonly code: string;
  readonly bytes: number;
  make(buffer: ArrayBuffer): DataOf[Dtype];
}

/** In the order in which the Python library lays tensors out. */
const ELEMENT_TYPES: readonly ElementType[] = [
  { dtype: "int64", code: "I64", bytes: 8, make: (buffer) => new BigInt64Array(buffer) },
  { dtype: "float64", code: "F64", bytes: 8, make: (buffer) => new Float64Array(buffer) },
  { dtype: "float32", code: "F32", bytes: 4, make: (buffer) => new Float32Array(buffer) },
  { dtype: "int32", code: "I32", bytes: 4, make: (buffer) => new Int32Array(buffer) },
  { dtype: "uint8", code: "U8", bytes: 1, make: (buffer) => new Uint8Array(buffer) },
];

const LENGTH_BYTES = 8;
const LARGEST_HEADER_BYTES = 100_000_000;

function elementType(dtype: Dtype): ElementType {
  return ELEMENT_TYPES.find((type) => type.dtype === dtype)!;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function bytesOf(tensor: HostTensor): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The file in pieces: the header, then each tensor's own memory (no copies). */
function* pieces(
  tensors: TensorRecord,
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array<ArrayBuffer>> {
  const rank = (tensor: HostTensor) => ELEMENT_TYPES.indexOf(elementType(tensor.dtype));
  const ordered = Object.entries(tensors).sort(([nameA, a], [nameB, b]) =>
    rank(a) - rank(b) || compareText(nameA, nameB)
  );
  const parts: string[] = [];
  if (Object.keys(metadata).length > 0) {
    const sorted = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
    const pairs = sorted.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    parts.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let end = 0;
  for (const [name, tensor] of ordered) {
    const { dtype, shape, data } = tensor;
    if (name === "__metadata__" || data.length !== sizeOf(shape)) {
      throw new RangeError(
        `Cannot encode tensor "${name}": shape [${shape.join(" ")}] and ${data.length} values`,
      );
    }
    const offsets = [end, end += data.byteLength];
    const entry = { dtype: elementType(dtype).code, shape, data_offsets: offsets };
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const text = new TextEncoder().encode(`{${parts.join(",")}}`);
  const padded = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, LENGTH_BYTES);
  yield header;
  for (const [, tensor] of ordered) yield bytesOf(tensor);
}

/** A whole safetensors file in memory. Equal tensors and metadata give equal bytes. */
export function encodeSafetensors(
  tensors: TensorRecord,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const parts = [...pieces(tensors, metadata)];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Writes a safetensors file piece by piece, without a second copy of the tensors in memory, and forces it to the
 * disk. Errors of the file system pass unchanged: the caller knows what the file is called in the end.
 */
export async function writeSafetensors(
  path: string,
  tensors: TensorRecord,
  metadata: Readonly<Record<string, string>> = {},
): Promise<WrittenFile> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const hash = createHash("sha256");
  let bytes = 0;
  for (const piece of pieces(tensors, metadata)) {
    hash.update(piece);
    bytes += piece.length;
    let rest: Uint8Array = piece;
    while (rest.length > 0) rest = rest.subarray(await file.write(rest));
  }
  await file.sync();
  return { bytes, sha256: hash.digest("hex") };
}

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
  const type = ELEMENT_TYPES.find((known) => known.code === dtype);
  if (type === undefined) {
    const known = ELEMENT_TYPES.map((each) => each.code).join(", ");
    throw new Failure(
      "data",
      `Cannot read "${path}": tensor "${name}" has element type ${JSON.stringify(dtype)}, ` +
        `wanted one of ${known}, convert the file first`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw damaged(path, `tensor "${name}" has no valid shape, got ${JSON.stringify(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw damaged(path, `tensor "${name}" has no valid offsets, got ${JSON.stringify(offsets)}`);
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
  return { name, dtype: type.dtype, shape, start, end };
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

async function readHeader(path: string, file: Deno.FsFile): Promise<{
  readonly entries: readonly TensorEntry[];
  readonly metadata: Record<string, string>;
}> {
  const { size } = await file.stat();
  const prefix = new Uint8Array(LENGTH_BYTES);
  if (!await readFully(file, prefix)) {
    throw damaged(path, `it has ${size} bytes, wanted at least ${LENGTH_BYTES}`);
  }
  const headerBytes = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (headerBytes > Math.min(size - LENGTH_BYTES, LARGEST_HEADER_BYTES)) {
    throw damaged(path, `it announces a header of ${headerBytes} bytes in a file of ${size}`);
  }
  const text = new Uint8Array(headerBytes);
  if (!await readFully(file, text)) throw damaged(path, "its header is cut short");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    throw damaged(path, "its header is not JSON");
  }
  if (header === null || typeof header !== "object" || Array.isArray(header)) {
    throw damaged(path, "its header is not a JSON object");
  }
  const { __metadata__: metadata = {}, ...rest } = header as Record<string, unknown>;
  const entries = Object.entries(rest)
    .map(([name, value]) => readEntry(path, name, value))
    .sort((a, b) => a.start - b.start || a.end - b.end);
  expectContiguous(path, entries, size - LENGTH_BYTES - headerBytes);
  return { entries, metadata: readMetadata(path, metadata) };
}

/**
 * Reads a safetensors file. Tensors that `wanted` turns down are skipped without being loaded.
 *
 * @throws {Failure} `missing`: there is no such file; `data`: it is damaged or holds another element type
 */
export async function readSafetensors(
  path: string,
  { wanted = () => true }: { readonly wanted?: (name: string) => boolean } = {},
): Promise<SafetensorsFile> {
  let opened: Deno.FsFile;
  try {
    opened = await Deno.open(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Failure("missing", `Cannot read "${path}": it does not exist, check the path`);
  }
  using file = opened;
  const { entries, metadata } = await readHeader(path, file);
  const tensors: [string, HostTensor][] = [];
  for (const { name, dtype, shape, start, end } of entries) {
    if (!wanted(name)) {
      await file.seek(end - start, Deno.SeekMode.Current);
      continue;
    }
    const data = elementType(dtype).make(new ArrayBuffer(end - start));
    if (!await readFully(file, new Uint8Array(data.buffer))) {
      throw damaged(path, `it ends inside tensor "${name}"`);
    }
    tensors.push([name, { dtype, shape, data } as HostTensor]);
  }
  return { tensors: Object.fromEntries(tensors), metadata };
}
