/** Columns of an Arrow file: the types that feature files use, and the names of all others. */
import { FlatbufferError, type Table } from "./flatbuffer.ts";

/** Bits of a float. */
export type FloatBits = 16 | 32 | 64;

/** The type of a column. */
export type ColumnType =
  | { readonly kind: "text"; readonly large: boolean }
  | { readonly kind: "float"; readonly bits: FloatBits }
  | { readonly kind: "integer"; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  /** `size`: values per row; absent where each row has a number of its own. */
  | {
    readonly kind: "list";
    readonly size?: number;
    readonly large: boolean;
    readonly item: ColumnType;
  }
  /** Indices into a dictionary elsewhere in the file, which has a number. */
  | {
    readonly kind: "dictionary";
    readonly id: number;
    readonly index: ColumnType;
    readonly values: ColumnType;
  }
  | { readonly kind: "other"; readonly name: string };

/** A column. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** The schema of a file. */
export interface ArrowSchema {
  readonly columns: readonly Column[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Tables Int, FloatingPoint, FixedSizeList, Field, DictionaryEncoding, KeyValue and Schema of Schema.fbs. */
const INT = { bits: 0, signed: 1 } as const;
const FLOAT = { precision: 0 } as const;
const FIXED_SIZE_LIST = { size: 0 } as const;
const FIELD = { name: 0, typeCode: 2, type: 3, dictionary: 4, children: 5 } as const;
const DICTIONARY = { id: 0, index: 1 } as const;
const KEY_VALUE = { key: 0, value: 1 } as const;
const SCHEMA = { endianness: 0, fields: 1, metadata: 2 } as const;

/** The union Type of Schema.fbs, indexed by code. */
const TYPES = [
  ...["none", "null", "int", "float", "binary", "utf8", "bool", "decimal", "date", "time"],
  ...["timestamp", "interval", "list", "struct", "union", "fixed-size binary", "fixed-size list"],
  ...["map", "duration", "large binary", "large utf8", "large list", "run-end encoded"],
  ...["binary view", "utf8 view", "list view", "large list view"],
] as const;
const FLOAT_BITS: readonly FloatBits[] = [16, 32, 64];
/** Features have lists of numbers and nothing deeper. */
const DEEPEST = 3;

function integerType(table: Table | undefined): ColumnType {
  const bits = table?.int32(INT.bits) ?? 0;
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) {
    throw new FlatbufferError(`it has integers of ${bits} bits`);
  }
  return { kind: "integer", bits, signed: table!.uint8(INT.signed) !== 0 };
}

function listType(
  field: Table,
  depth: number,
  shape: { size?: number; large: boolean },
): ColumnType {
  const children = field.tables(FIELD.children);
  if (children.length !== 1) throw new FlatbufferError("it has a list without one type of items");
  return { kind: "list", ...shape, item: typeOf(children[0]!, depth + 1) };
}

function plainType(field: Table, depth: number): ColumnType {
  const code = field.uint8(FIELD.typeCode), type = field.table(FIELD.type);
  const name = TYPES[code] ?? `number ${code}`;
  switch (name) {
    case "int":
      return integerType(type);
    case "float": {
      const bits = FLOAT_BITS[type?.int16(FLOAT.precision) ?? 0];
      if (bits === undefined) throw new FlatbufferError("it has floats of unknown precision");
      return { kind: "float", bits };
    }
    case "utf8":
    case "large utf8":
      return { kind: "text", large: name !== "utf8" };
    case "list":
    case "large list":
      return listType(field, depth, { large: name !== "list" });
    case "fixed-size list":
      return listType(field, depth, { size: type?.int32(FIXED_SIZE_LIST.size) ?? 0, large: false });
    default:
      return { kind: "other", name };
  }
}

function typeOf(field: Table, depth = 0): ColumnType {
  if (depth === DEEPEST) throw new FlatbufferError("its lists are nested too deeply");
  const values = plainType(field, depth);
  const dictionary = field.table(FIELD.dictionary);
  if (dictionary === undefined) return values;
  const index = dictionary.table(DICTIONARY.index);
  return {
    kind: "dictionary",
    id: dictionary.int64(DICTIONARY.id),
    index: index === undefined ? { kind: "integer", bits: 32, signed: true } : integerType(index),
    values,
  };
}

/** Reads a table Schema. @throws {FlatbufferError} */
export function readSchema(schema: Table): ArrowSchema {
  if (schema.int16(SCHEMA.endianness) !== 0) {
    throw new FlatbufferError("its numbers are big-endian");
  }
  const pairs = schema.tables(SCHEMA.metadata).map((pair) =>
    [pair.string(KEY_VALUE.key) ?? "", pair.string(KEY_VALUE.value) ?? ""] as const
  );
  return {
    columns: schema.tables(SCHEMA.fields).map((field) => ({
      name: field.string(FIELD.name) ?? "",
      type: typeOf(field),
    })),
    metadata: Object.fromEntries(pairs),
  };
}

/** A type in the words of Arrow's documentation. */
export function wordsOf(type: ColumnType): string {
  switch (type.kind) {
    case "text":
      return type.large ? "large utf8" : "utf8";
    case "float":
      return `float${type.bits}`;
    case "integer":
      return `${type.signed ? "int" : "uint"}${type.bits}`;
    case "list": {
      const list = type.size === undefined ? type.large ? "large list" : "list" : "fixed-size list";
      const size = type.size === undefined ? "" : `[${type.size}]`;
      return `${list}<${wordsOf(type.item)}>${size}`;
    }
    case "dictionary":
      return `dictionary<${wordsOf(type.values)}>`;
    case "other":
      return type.name;
  }
}
