/** The values of a batch of rows: buffers to text, numbers and embeddings, with consistency checks. */
import { fromHalf } from "../half.ts";
import { type Batch, damaged } from "./layout.ts";
import type { ColumnType } from "./schema.ts";

type Text = Extract<ColumnType, { kind: "text" }>;
type Float = Extract<ColumnType, { kind: "float" }>;
type Integer = Extract<ColumnType, { kind: "integer" }>;
type List = Extract<ColumnType, { kind: "list" }>;

/** Values of dictionaries, by their number. */
export type Dictionaries = ReadonlyMap<number, readonly (string | null)[]>;

/** Embeddings of a batch. */
export interface EmbeddingValues {
  /** [rows width], valid up to `bad`. */
  readonly values: Float32Array | Float64Array;
  /** Values in each row. */
  readonly width: number;
  /** The first row without a valid embedding, and why. */
  readonly bad?: { readonly row: number; readonly why: string };
}

/** Validity of values: `undefined` where none is null. */
type Bitmap = Uint8Array | undefined;

function isNull(bitmap: Bitmap, index: number): boolean {
  return bitmap !== undefined && (bitmap[index >> 3]! & (1 << (index & 7))) === 0;
}

function firstNull(bitmap: Bitmap, length: number): number | undefined {
  for (let index = 0; index < length; index++) if (isNull(bitmap, index)) return index;
  return undefined;
}

const INTEGER_ARRAYS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
} as const;

/** Buffers are padded to 8 or to 64 bytes. */
const MOST_PADDING = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Takes the columns of a batch, in their order. Every method throws `ArrowError` on inconsistent data. */
export class BatchValues {
  readonly #batch: Batch;
  readonly #body: Uint8Array<ArrayBuffer>;
  #node = 0;
  #buffer = 0;

  /** @param body the bytes of the batch, in memory of their own */
  constructor(batch: Batch, body: Uint8Array<ArrayBuffer>) {
    this.#batch = batch;
    this.#body = body;
  }

  /** Fails unless everything was taken. */
  finish(): void {
    const { nodes, buffers } = this.#batch;
    if (this.#node !== nodes.length || this.#buffer !== buffers.length) {
      damaged("a part has more columns than the schema");
    }
  }

  text(type: Text, rows: number): (string | null)[] {
    const nulls = this.#array(rows);
    const offsets = this.#offsets(type.large, rows);
    const data = this.#bytes(0);
    if (offsets[rows]! > data.length) damaged("a text ends outside of its column");
    try {
      return Array.from(
        { length: rows },
        (_, row) =>
          isNull(nulls, row) ? null : utf8.decode(data.subarray(offsets[row], offsets[row + 1])),
      );
    } catch {
      return damaged("it holds text that is not UTF-8");
    }
  }

  /** `undefined` in place of whole numbers that a float64 does not hold. */
  numbers(type: Float | Integer, rows: number): (number | null | undefined)[] {
    const nulls = this.#array(rows);
    const values = type.kind === "float" ? this.#floats(type, rows) : this.#integers(type, rows);
    return Array.from({ length: rows }, (_, row) => {
      if (isNull(nulls, row)) return null;
      const value = Number(values[row]);
      return type.kind === "float" || Number.isSafeInteger(value) ? value : undefined;
    });
  }

  /** Text that is kept as indices. */
  indexed(
    { id, index }: Extract<ColumnType, { kind: "dictionary" }>,
    rows: number,
    dictionaries: Dictionaries,
  ): (string | null)[] {
    const values = dictionaries.get(id) ?? damaged(`dictionary ${id} is missing`);
    return this.numbers(index as Integer, rows).map((at) => {
      if (at === null) return null;
      const value = at === undefined ? undefined : values[at];
      return value === undefined ? damaged(`dictionary ${id} has no value ${at}`) : value;
    });
  }

  /** Lists of numbers, all of one length. */
  embeddings({ size, large, item }: List, rows: number): EmbeddingValues {
    const nulls = this.#array(rows);
    const lengthAt = size === undefined ? this.#lengths(this.#offsets(large, rows)) : undefined;
    const first = lengthAt?.first ?? 0;
    const width = size ?? lengthAt!.of(0);
    const child = this.#length();
    const childNulls = this.#nulls(child);
    const values = this.#floats(item as Float, child);
    const missing = firstNull(nulls, rows);
    if (missing !== undefined) return { values, width, bad: { row: missing, why: "is null" } };
    for (let row = 0; row < rows && lengthAt !== undefined; row++) {
      if (lengthAt.of(row) === width) continue;
      const why = `has ${lengthAt.of(row)} values, wanted ${width}`;
      return { values, width, bad: { row, why } };
    }
    if (first + rows * width > child) damaged("its embeddings end outside of their column");
    const hole = firstNull(childNulls, child);
    if (hole !== undefined && hole >= first && hole < first + rows * width) {
      const row = Math.floor((hole - first) / width);
      return { values, width, bad: { row, why: `holds null as value ${(hole - first) % width}` } };
    }
    return { values: values.subarray(first, first + rows * width), width };
  }

  #lengths(offsets: ArrayLike<number>): { readonly first: number; of(row: number): number } {
    return {
      first: offsets[0]!,
      of: (row) => row + 1 < offsets.length ? offsets[row + 1]! - offsets[row]! : 0,
    };
  }

  /** The length of the next array. */
  #length(): number {
    return this.#batch.nodes[this.#node]?.[0] ??
      damaged("a part has fewer columns than the schema");
  }

  /** The validity of the next array, which must have `rows` values. */
  #array(rows: number): Bitmap {
    const length = this.#length();
    if (length !== rows) damaged(`a column has ${length} values, wanted ${rows}`);
    return this.#nulls(rows);
  }

  #nulls(length: number): Bitmap {
    const wanted = this.#batch.nodes[this.#node++]![1]!;
    const bitmap = this.#bytes(0);
    if (bitmap.length === 0 && wanted === 0) return undefined;
    if (bitmap.length < Math.ceil(length / 8)) damaged("a column marks fewer values than it has");
    let got = 0;
    for (let index = 0; index < length; index++) if (isNull(bitmap, index)) got++;
    if (got !== wanted) damaged(`a column announces ${wanted} nulls and marks ${got}`);
    return got === 0 ? undefined : bitmap;
  }

  /** The next buffer, of so many bytes and padding. A wrong width of numbers would read others in their place. */
  #numberBytes(wanted: number): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes(wanted);
    if (bytes.length >= wanted + MOST_PADDING) {
      damaged(`a column has ${bytes.length} bytes, wanted ${wanted}`);
    }
    return bytes;
  }

  /** The next buffer, of at least so many bytes. */
  #bytes(least: number): Uint8Array<ArrayBuffer> {
    const [offset, length] = this.#batch.buffers[this.#buffer++] ??
      damaged("a part has fewer columns than the schema");
    if (length! < least) damaged(`a column has ${length} bytes, wanted ${least}`);
    return length === 0 ? new Uint8Array() : this.#body.subarray(offset, offset! + length!);
  }

  /** Where each value begins and the last one ends, ascending. Large ones are held to 2^53. */
  #offsets(large: boolean, rows: number): Float64Array | Int32Array {
    if (rows === 0) {
      this.#bytes(0); // Old writers leave the single zero out.
      return new Int32Array(1);
    }
    const { buffer, byteOffset } = this.#bytes((rows + 1) * (large ? 8 : 4));
    const offsets = large
      ? Float64Array.from(new BigInt64Array(buffer, byteOffset, rows + 1), Number)
      : new Int32Array(buffer, byteOffset, rows + 1);
    let before = 0;
    for (const offset of offsets) {
      if (offset < before) damaged("the offsets of a column do not ascend");
      before = offset;
    }
    return offsets;
  }

  #integers({ bits, signed }: Integer, length: number): ArrayLike<number | bigint> {
    const { buffer, byteOffset } = this.#numberBytes(length * bits / 8);
    const type = INTEGER_ARRAYS[`${signed ? "int" : "uint"}${bits}`];
    return length === 0 ? [] : new type(buffer, byteOffset, length);
  }

  #floats({ bits }: Float, length: number): Float32Array | Float64Array {
    const bytes = this.#numberBytes(length * bits / 8);
    if (length === 0) return new Float32Array();
    const { buffer, byteOffset } = bytes;
    if (bits === 32) return new Float32Array(buffer, byteOffset, length);
    if (bits === 64) return new Float64Array(buffer, byteOffset, length);
    return fromHalf(buffer.slice(byteOffset, byteOffset + 2 * length));
  }
}
