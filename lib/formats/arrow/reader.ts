/** Feature files, read batch by batch into one array. */
import { Failure } from "../../failure.ts";
import { openInput, readFully } from "../../files/mod.ts";
import { type Features, type LabelValues, OWN_COLUMNS } from "../features.ts";
import { ArrowError, type ArrowLayout, type Batch, damaged, readLayout } from "./layout.ts";
import { type ArrowSchema, type Column, type ColumnType, wordsOf } from "./schema.ts";
import { BatchValues, type Dictionaries } from "./values.ts";

type List = Extract<ColumnType, { kind: "list" }>;

/** A probe for each label: more are no labels. */
const MOST_COLUMNS = 4096;

/** @throws {ArrowError} always, for a valid file with other content */
function refuse(what: string): never {
  throw new ArrowError(what, { damaged: false });
}

function isText(type: ColumnType): boolean {
  return type.kind === "text" || (type.kind === "dictionary" && type.values.kind === "text");
}

/** A hint for polars, whose default text type is not the common one. */
function hintOf(columns: readonly Column[]): string {
  const views = columns.some(({ type }) => wordsOf(type).includes("view"));
  return views ? ", write it without views (polars: compat_level=CompatLevel.oldest())" : "";
}

/** Fails unless the columns are those of features. @returns the type of the embeddings */
function expectColumns({ columns }: ArrowSchema): List {
  if (columns.length > MOST_COLUMNS) {
    refuse(`has ${columns.length} columns, wanted at most ${MOST_COLUMNS}`);
  }
  const twice = columns.find(({ name }, index) =>
    columns.findIndex((c) => c.name === name) < index
  );
  if (twice !== undefined) refuse(`has the column "${twice.name}" twice, rename one`);
  const typeOf = (name: string) => columns.find((column) => column.name === name)?.type;
  const key = typeOf("key"), embedding = typeOf("embedding"), path = typeOf("path");
  const isList = embedding?.kind === "list" && embedding.item.kind === "float" &&
    (embedding.size === undefined || embedding.size > 0);
  if (key === undefined || !isText(key) || (path !== undefined && !isText(path)) || !isList) {
    refuse(
      "needs the columns key (utf8) and embedding (FixedSizeList<float32>), got " +
        columns.map(({ name, type }) => `${name} (${wordsOf(type)})`).join(", ") + hintOf(columns),
    );
  }
  for (const { name, type } of columns) {
    if (OWN_COLUMNS.includes(name) || isText(type)) continue;
    if (type.kind === "float" || type.kind === "integer") continue;
    refuse(`has a label "${name}" of type ${wordsOf(type)}, wanted utf8 or a number type`);
  }
  return embedding;
}

async function valuesOf(file: Deno.FsFile, batch: Batch): Promise<BatchValues> {
  const body = new Uint8Array(batch.bytes);
  if (!await readFully(file, body, batch.start)) damaged("it ends inside of a part");
  return new BatchValues(batch, body);
}

/** The values that columns refer to. */
async function readDictionaries(
  file: Deno.FsFile,
  { schema, dictionaries }: ArrowLayout,
): Promise<Dictionaries> {
  const read = new Map<number, readonly (string | null)[]>();
  for (const { id, delta, batch } of dictionaries) {
    const type = schema.columns.map((column) => column.type)
      .find((type) => type.kind === "dictionary" && type.id === id);
    if (type?.kind !== "dictionary" || type.values.kind !== "text") {
      damaged(`no column refers to dictionary ${id}`);
    }
    if (read.has(id) !== delta) {
      damaged(`dictionary ${id} is there twice or not from its beginning`);
    }
    const source = await valuesOf(file, batch);
    const values = source.text(type.values, batch.rows);
    source.finish();
    read.set(id, [...read.get(id) ?? [], ...values]);
  }
  return read;
}

/** Rows that are read, and room for the embeddings of all. */
class Rows {
  readonly keys: string[] = [];
  readonly paths: string[] = [];
  readonly labels: ReadonlyMap<string, (string | number | null)[]>;
  readonly #columns: readonly Column[];
  readonly #list: List;
  #width: number | undefined;
  #embeddings: Float32Array<ArrayBuffer>;

  /** @param size bytes of the file: no more embeddings than these are in it, and pages past the last are never touched */
  constructor(columns: readonly Column[], list: List, size: number) {
    this.#columns = columns;
    this.#list = list;
    this.#width = list.size;
    this.#embeddings = new Float32Array(Math.ceil(size * 8 / (list.item as { bits: number }).bits));
    this.labels = new Map(
      columns.filter(({ name }) => !OWN_COLUMNS.includes(name)).map(({ name }) => [name, []]),
    );
  }

  get width(): number {
    return this.#width ?? 0;
  }

  /** [rows D] */
  get embeddings(): Float32Array<ArrayBuffer> {
    return this.#embeddings.subarray(0, this.keys.length * this.width);
  }

  /** Adds the rows of a batch. @throws {ArrowError} */
  append(source: BatchValues, rows: number, dictionaries: Dictionaries): void {
    const text = new Map<string, readonly (string | null)[]>();
    const numbers = new Map<string, readonly (number | null | undefined)[]>();
    let found: ReturnType<BatchValues["embeddings"]> | undefined;
    for (const { name, type } of this.#columns) {
      if (type.kind === "text") text.set(name, source.text(type, rows));
      if (type.kind === "dictionary") text.set(name, source.indexed(type, rows, dictionaries));
      if (type.kind === "list") found = source.embeddings(this.#list, rows);
      if (type.kind === "float" || type.kind === "integer") {
        numbers.set(name, source.numbers(type, rows));
      }
    }
    source.finish();
    this.#appendKeys(text.get("key")!, text.get("path"));
    for (const [name, values] of this.labels) {
      for (const value of text.get(name) ?? this.#sound(name, numbers.get(name)!)) {
        values.push(value);
      }
    }
    this.#appendEmbeddings(found!, rows);
  }

  #appendKeys(keys: readonly (string | null)[], paths: readonly (string | null)[] = []): void {
    keys.forEach((key, row) => {
      if (key === null) refuse(`has no key in row ${this.keys.length}, leave the row out`);
      this.keys.push(key);
      this.paths.push(paths[row] ?? key);
    });
  }

  /** NaN is "not known", like null. */
  *#sound(name: string, values: readonly (number | null | undefined)[]) {
    for (const value of values) {
      if (value === undefined) {
        refuse(
          `has a whole number beyond 2^53 as label "${name}", which a float64 does not hold, ` +
            "write it as text",
        );
      }
      yield Number.isNaN(value) ? null : value;
    }
  }

  #appendEmbeddings(
    { values, width, bad }: ReturnType<BatchValues["embeddings"]>,
    rows: number,
  ): void {
    if (rows === 0) return;
    const before = this.keys.length - rows;
    const wanted = this.#width ??= width;
    const problem = bad ??
      (width === wanted && width > 0
        ? undefined
        : { row: 0, why: `has ${width} values, wanted ${wanted || "at least 1"}` });
    if (problem !== undefined) {
      const row = before + problem.row;
      refuse(
        `has no usable embedding in row ${row} (key "${this.keys[row]}"): it ${problem.why}, ` +
          "leave the row out",
      );
    }
    this.#embeddings.set(values, before * wanted);
  }
}

async function readRows(file: Deno.FsFile, size: number): Promise<Features> {
  const layout = await readLayout(file);
  const { columns, metadata } = layout.schema;
  const list = expectColumns(layout.schema);
  const stated = metadata[ROWS_KEY];
  const rows = layout.batches.reduce((sum, batch) => sum + batch.rows, 0);
  if (stated !== undefined && Number(stated) !== rows) {
    damaged(`it has ${rows} rows, and ${ROWS_KEY} is ${stated}`);
  }
  const dictionaries = await readDictionaries(file, layout);
  const read = new Rows(columns, list, size);
  for (const batch of layout.batches) {
    read.append(await valuesOf(file, batch), batch.rows, dictionaries);
  }
  const labels = new Map(
    columns.filter(({ name }) => read.labels.has(name)).map(
      ({ name, type }) => [
        name,
        { type: isText(type) ? "class" : "number", values: read.labels.get(name)! } as LabelValues,
      ],
    ),
  );
  const { keys, paths, width, embeddings } = read;
  return { rows: keys.length, width, keys, paths, labels, embeddings, metadata };
}

const ROWS_KEY = "ijepa.rows";

/**
 * Reads a feature file batch by batch into one array of embeddings. Nothing in the file is trusted: every length is
 * checked against the file before memory is taken for it, every count against what it counts.
 *
 * @throws {Failure} `missing`: no such file; `data`: not an Arrow file, cut short, damaged, compressed, other columns,
 * or a row without an embedding, which is named
 */
export async function readFeatures(path: string): Promise<Features> {
  using file = await openInput(path, {
    begin: `Cannot read features: "${path}"`,
    advice: 'make it with "deno task features"',
  });
  try {
    return await readRows(file, (await file.stat()).size);
  } catch (error) {
    if (!(error instanceof ArrowError)) throw error;
    const what = error.damaged ? `is damaged (${error.message}), make it again` : error.message;
    throw new Failure("data", `Cannot read features: "${path}" ${what}`, { cause: error });
  }
}
