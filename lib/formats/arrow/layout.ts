/**
 * Positions of the parts of an Arrow IPC file: a schema, batches of dictionaries and rows, each with metadata and a
 * body, and a footer that repeats them. Both are read and compared, so that a damaged number is noticed before it is
 * used as a size.
 */
import { readFully } from "../../files/mod.ts";
import { FlatbufferError, Table } from "./flatbuffer.ts";
import { type ArrowSchema, readSchema } from "./schema.ts";

/** Thrown for a file that cannot be read: part of a sentence; the caller adds the name of the file. */
export class ArrowError extends Error {
  /** Whether the file is damaged; otherwise it is valid, but of a kind that is not supported. */
  readonly damaged: boolean;

  constructor(message: string, { damaged }: { readonly damaged: boolean }) {
    super(message);
    this.damaged = damaged;
  }
}

/** @throws {ArrowError} always */
export function damaged(what: string): never {
  throw new ArrowError(what, { damaged: true });
}

/**
 * Rows, or the values of a dictionary: nodes and buffers in the order of the columns, each followed by its children.
 */
export interface Batch {
  readonly rows: number;
  /** Length and number of nulls of each array. */
  readonly nodes: readonly (readonly number[])[];
  /** Offset in the body and length of each buffer, bytes. */
  readonly buffers: readonly (readonly number[])[];
  /** Position of the body in the file. */
  readonly start: number;
  readonly bytes: number;
}

/** Values that columns refer to by an index. */
export interface DictionaryBatch {
  readonly id: number;
  /** Whether the values are appended to earlier ones. */
  readonly delta: boolean;
  readonly batch: Batch;
}

/** All parts of a file. */
export interface ArrowLayout {
  readonly schema: ArrowSchema;
  readonly dictionaries: readonly DictionaryBatch[];
  readonly batches: readonly Batch[];
}

const MAGIC = "ARROW1";
/** Magic and padding to 8 bytes. */
const HEAD_BYTES = 8;
/** Length of the footer and magic. */
const TAIL_BYTES = 10;
const CONTINUATION = 0xffffffff;
/** Bytes that may follow the last part: none, a mark of 4 before Arrow 0.15, of 8 since. */
const END_MARKS = [0, 4, 8];
const LARGEST_METADATA_BYTES = 1 << 26;

/** Beginnings of other files that are mistaken for these. */
const OTHERS: readonly (readonly [start: string, what: string])[] = [
  ["\xff\xff\xff\xff", "is an Arrow IPC stream, write it as a file (pyarrow.ipc.new_file)"],
  ["FEA1", "is a Feather file of version 1, write it with version=2"],
  ["PAR1", "is a Parquet file, write it as Arrow IPC (pyarrow.feather.write_feather)"],
];

/** Tables Message, RecordBatch, BodyCompression, DictionaryBatch and Footer of Message.fbs and File.fbs. */
const MESSAGE = { version: 0, kind: 1, header: 2, bodyLength: 3 } as const;
const RECORD_BATCH = { length: 0, nodes: 1, buffers: 2, compression: 3 } as const;
const COMPRESSION = { codec: 0 } as const;
const DICTIONARY_BATCH = { id: 0, data: 1, isDelta: 2 } as const;
const FOOTER = { schema: 1, dictionaries: 2, batches: 3 } as const;
/** Format versions V4 and V5: since Arrow 0.8. */
const OLDEST_VERSION = 3, NEWEST_VERSION = 4;
const KINDS = ["none", "schema", "dictionary", "rows"] as const;
const CODECS = ["LZ4", "ZSTD"];
/** Struct Block: offset, length of the metadata (32 bits and padding), length of the body. */
const BLOCK_INTEGERS = 3;

async function take(
  file: Deno.FsFile,
  at: number,
  bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const taken = new Uint8Array(bytes);
  if (!await readFully(file, taken, at)) damaged("it ends inside of a part");
  return taken;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Checks the magic at both ends. @returns the position of the footer */
async function findFooter(
  file: Deno.FsFile,
): Promise<{ readonly start: number; readonly bytes: number }> {
  const { size } = await file.stat();
  const textAt = async (at: number, bytes: number): Promise<string> => {
    if (at < 0 || at + bytes > size) return "";
    return new TextDecoder("latin1").decode(await take(file, at, bytes));
  };
  const start = await textAt(0, MAGIC.length);
  const other = OTHERS.find(([begin]) => start.startsWith(begin));
  if (other !== undefined) throw new ArrowError(other[1], { damaged: false });
  if (start !== MAGIC) {
    throw new ArrowError(
      'is not an Arrow IPC file, give a file that "deno task features" wrote',
      { damaged: false },
    );
  }
  if (size < HEAD_BYTES + TAIL_BYTES || await textAt(size - MAGIC.length, MAGIC.length) !== MAGIC) {
    throw new ArrowError(
      `is cut short (${size} bytes, no Arrow footer), make it again`,
      { damaged: false },
    );
  }
  const bytes = viewOf(await take(file, size - TAIL_BYTES, 4)).getUint32(0, true);
  if (bytes > Math.min(size - HEAD_BYTES - TAIL_BYTES, LARGEST_METADATA_BYTES)) {
    damaged(`it announces a footer of ${bytes} bytes in a file of ${size}`);
  }
  return { start: size - TAIL_BYTES - bytes, bytes };
}

/** A part between head and footer, as the footer locates it. */
interface FilePart {
  readonly at: number;
  /** Bytes of the metadata with their prefix. */
  readonly metadata: number;
  readonly body: number;
}

/** The parts of a list in the footer. */
function partsOf(footer: Table, field: number): FilePart[] {
  // Metadata lengths have 32 bits; the others are padding.
  return footer.structs(field, BLOCK_INTEGERS)
    .map(([at, metadata, body]) => ({ at: at!, metadata: metadata! % 2 ** 32, body: body! }));
}

/**
 * Fails unless the parts follow each other up to the footer, so that none is missing from its lists.
 *
 * @returns where the first one begins
 */
function expectContiguous(parts: readonly FilePart[], end: number): number {
  const sorted = parts.toSorted((a, b) => a.at - b.at);
  const first = sorted[0]?.at;
  let next = first;
  for (const { at, metadata, body } of sorted) {
    if (at !== next || metadata < 8 || body < 0) {
      damaged(`its footer announces a part at byte ${at}, wanted ${next}`);
    }
    next = at + metadata + body;
  }
  if (next !== undefined && !END_MARKS.includes(end - next)) {
    damaged(`its last part ends at byte ${next}, and its footer begins at ${end}`);
  }
  return first ?? end;
}

/** The metadata of a part, without their length prefix; some writers omit it for the schema. */
function withoutPrefix(bytes: Uint8Array): Uint8Array {
  const view = viewOf(bytes);
  if (bytes.length < 8) return damaged("a part has no metadata");
  if (view.getUint32(0, true) === CONTINUATION) return bytes.subarray(8);
  // Before Arrow 0.15 there was the length alone.
  return view.getUint32(0, true) === bytes.length - 4 ? bytes.subarray(4) : bytes;
}

/** The header of a part. */
interface Message {
  readonly kind: string | undefined;
  readonly header: Table;
  readonly body: number;
}

function readMessage(bytes: Uint8Array): Message {
  const message = Table.root(withoutPrefix(bytes));
  const version = message.int16(MESSAGE.version);
  if (version < OLDEST_VERSION || version > NEWEST_VERSION) {
    damaged(`a part has format version ${version + 1}, wanted 4 or 5`);
  }
  const header = message.table(MESSAGE.header) ?? damaged("a part says nothing about itself");
  return {
    kind: KINDS[message.uint8(MESSAGE.kind)],
    header,
    body: message.int64(MESSAGE.bodyLength),
  };
}

/** The schema before all parts, which some writers omit. */
async function readFront(file: Deno.FsFile, end: number): Promise<ArrowSchema | undefined> {
  const bytes = end - HEAD_BYTES;
  if (bytes < 8) return undefined;
  if (bytes > LARGEST_METADATA_BYTES) return damaged(`its first part begins at byte ${end}`);
  const front = await take(file, HEAD_BYTES, bytes);
  const { kind, header } = readMessage(front);
  const view = viewOf(front);
  const stated = view.getUint32(0, true) === CONTINUATION ? 8 + view.getUint32(4, true) : bytes;
  if (kind !== "schema" || !END_MARKS.includes(bytes - stated)) {
    damaged("it has a part that its footer lacks");
  }
  return readSchema(header);
}

/** The header of a part, which must agree with the footer. */
async function readPart(
  file: Deno.FsFile,
  { at, metadata, body }: FilePart,
  wanted: typeof KINDS[number],
): Promise<Table> {
  if (metadata > LARGEST_METADATA_BYTES) damaged(`a part announces metadata of ${metadata} bytes`);
  const message = readMessage(await take(file, at, metadata));
  if (message.kind !== wanted || message.body !== body) {
    damaged(`the part at byte ${at} is another than its footer announces`);
  }
  return message.header;
}

/** Rows as the metadata state them, with all buffers inside of the body, one after the other. */
function readBatch(table: Table, { at, metadata, body: bytes }: FilePart): Batch {
  const compression = table.table(RECORD_BATCH.compression);
  if (compression !== undefined) {
    const codec = CODECS[compression.uint8(COMPRESSION.codec)] ?? "unknown";
    throw new ArrowError(`is compressed (${codec}), write it with compression='uncompressed'`, {
      damaged: false,
    });
  }
  const rows = table.int64(RECORD_BATCH.length);
  if (rows < 0) damaged(`a part announces ${rows} rows`);
  const nodes = table.structs(RECORD_BATCH.nodes, 2);
  const buffers = table.structs(RECORD_BATCH.buffers, 2);
  for (const [length, nulls] of nodes as [number, number][]) {
    if (length < 0 || nulls < 0 || nulls > length) {
      damaged(`a column announces ${length} values, ${nulls} of them null`);
    }
  }
  let end = 0;
  for (const [offset, length] of buffers as [number, number][]) {
    if (length === 0) continue;
    if (offset < end || length < 0 || offset + length > bytes || offset % 8 !== 0) {
      damaged(`a buffer announces bytes ${offset} to ${offset + length} of ${bytes}`);
    }
    end = offset + length;
  }
  return { rows, nodes, buffers, start: at + metadata, bytes };
}

/**
 * Reads the positions of all parts of an Arrow IPC file, checked against its size and its footer.
 *
 * @throws {ArrowError} what is wrong, without the name of the file
 */
export async function readLayout(file: Deno.FsFile): Promise<ArrowLayout> {
  try {
    const { start, bytes } = await findFooter(file);
    const footer = Table.root(await take(file, start, bytes));
    const schema = readSchema(footer.table(FOOTER.schema) ?? damaged("it has no schema"));
    const rows = partsOf(footer, FOOTER.batches);
    const values = partsOf(footer, FOOTER.dictionaries);
    const front = await readFront(file, expectContiguous([...rows, ...values], start));
    if (front !== undefined && JSON.stringify(front) !== JSON.stringify(schema)) {
      damaged("its footer states other columns or metadata than its beginning");
    }
    const batches: Batch[] = [], dictionaries: DictionaryBatch[] = [];
    for (const part of rows) batches.push(readBatch(await readPart(file, part, "rows"), part));
    for (const part of values) {
      const header = await readPart(file, part, "dictionary");
      const data = header.table(DICTIONARY_BATCH.data) ?? damaged("a dictionary has no values");
      dictionaries.push({
        id: header.int64(DICTIONARY_BATCH.id),
        delta: header.uint8(DICTIONARY_BATCH.isDelta) !== 0,
        batch: readBatch(data, part),
      });
    }
    return { schema, dictionaries, batches };
  } catch (error) {
    if (error instanceof FlatbufferError) damaged(error.message);
    throw error;
  }
}
