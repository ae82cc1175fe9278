/** Feature files, written a batch at a time in constant memory. */
import {
  type Data,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  makeData,
  Message,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Utf8,
} from "apache-arrow";
import { writeAllSync } from "../../files/mod.ts";
import { expectBatch, expectSchema, type FeatureBatch, type FeatureSchema } from "../features.ts";

/** Rows per record batch, whatever the sizes given to `append`: readers pay per batch. */
const ROWS_PER_BATCH = 1024;

/** Utf8 data from strings; `null` is a null. */
function utf8Data(values: readonly (string | null)[]): Data<Utf8> {
  const encoder = new TextEncoder();
  const encoded = values.map((value) => encoder.encode(value ?? ""));
  const valueOffsets = new Int32Array(values.length + 1);
  encoded.forEach((bytes, row) => valueOffsets[row + 1] = valueOffsets[row]! + bytes.length);
  const data = new Uint8Array(valueOffsets[values.length]!);
  encoded.forEach((bytes, row) => data.set(bytes, valueOffsets[row]!));
  const shared = { type: new Utf8(), length: values.length, valueOffsets, data };
  return makeData({ ...shared, ...nullBits(values) });
}

function float64Data(values: readonly (number | null)[]): Data<Float64> {
  const data = Float64Array.from(values, (value) => value ?? 0);
  return makeData({ type: new Float64(), length: values.length, data, ...nullBits(values) });
}

/** Arrow's validity bitmap: one bit per row, set where there is a value. */
function nullBits(values: readonly unknown[]): { nullCount: number; nullBitmap?: Uint8Array } {
  let nullCount = 0;
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, row) => {
    if (value === null) nullCount++;
    else nullBitmap[row >> 3]! |= 1 << (row & 7);
  });
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap };
}

function arrowSchema({ width, labels, metadata }: FeatureSchema): Schema {
  const item = new Field("item", new Float32(), false);
  return new Schema([
    new Field("key", new Utf8(), false),
    new Field("path", new Utf8(), false),
    ...labels.map(({ name, type }) =>
      new Field(name, type === "class" ? new Utf8() : new Float64(), true)
    ),
    new Field("embedding", new FixedSizeList(width, item), false),
  ], new Map(Object.entries(metadata)));
}

/**
 * Arrow's own writer omits the leading schema, which the format requires: without it a damaged footer goes unnoticed.
 */
class FileWriter extends RecordBatchFileWriter {
  protected override _writeSchema(schema: Schema): this {
    return super._writeSchema(schema)._writeMessage(Message.from(schema));
  }
}

/** Writes a feature file, a batch at a time. The file is readable only after `close`. */
export class FeatureWriter implements AsyncDisposable {
  readonly #file: Deno.FsFile;
  readonly #description: FeatureSchema;
  readonly #schema: Schema;
  readonly #writer = new FileWriter();
  readonly #pump: Promise<void>;
  #error: unknown;
  #open = true;
  #written = false;
  #keys: string[] = [];
  #paths: string[] = [];
  #labels: (string | number | null)[][];
  readonly #embeddings: Float32Array<ArrayBuffer>;

  private constructor(file: Deno.FsFile, schema: FeatureSchema) {
    this.#file = file;
    this.#description = schema;
    this.#schema = arrowSchema(schema);
    this.#labels = schema.labels.map(() => []);
    this.#embeddings = new Float32Array(ROWS_PER_BATCH * schema.width);
    this.#pump = this.#writeChunks();
  }

  /**
   * Creates the file.
   *
   * @throws {Failure} `data`: a label is named like a column of the file itself, or twice
   */
  static async open(path: string, schema: FeatureSchema): Promise<FeatureWriter> {
    expectSchema(path, schema);
    const file = await Deno.open(path, { write: true, create: true, truncate: true });
    return new FeatureWriter(file, schema);
  }

  /** Adds rows. Resolves when memory holds less than one record batch. */
  async append(batch: FeatureBatch): Promise<void> {
    expectBatch(this.#description, batch);
    const { width, labels } = this.#description;
    for (let row = 0; row < batch.keys.length; row++) {
      const slot = this.#keys.length;
      this.#keys.push(batch.keys[row]!);
      this.#paths.push(batch.paths[row]!);
      labels.forEach(({ name }, column) => this.#labels[column]!.push(batch.labels[name]![row]!));
      const embedding = batch.embeddings.subarray(row * width, (row + 1) * width);
      this.#embeddings.set(embedding, slot * width);
      if (slot + 1 === ROWS_PER_BATCH) await this.#flush();
    }
  }

  /** Writes what is left and the footer, and closes the file. */
  async close(): Promise<void> {
    // Arrow writes no schema without a batch, so an empty file gets an empty one.
    if (this.#keys.length > 0 || !this.#written) await this.#flush();
    this.#open = false;
    this.#writer.finish();
    await this.#pump;
    this.#file.close();
    if (this.#error !== undefined) throw this.#error;
  }

  /** Closes the file handle of an abandoned writer; does nothing after `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#error ??= new Error("Cannot go on writing features: the writer was given up");
    this.#writer.finish(); // Ends the loop that empties the queue, which writes nothing more after an error.
    await this.#pump;
    this.#file.close();
  }

  async #flush(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    const { width, labels } = this.#description;
    const length = this.#keys.length;
    // A copy, because the writer queues views of its arguments.
    const values = this.#embeddings.slice(0, length * width);
    const child = makeData({ type: new Float32(), length: values.length, data: values });
    const list = new FixedSizeList(width, new Field("item", new Float32(), false));
    const children = [
      utf8Data(this.#keys),
      utf8Data(this.#paths),
      ...labels.map(({ type }, column) =>
        type === "class"
          ? utf8Data(this.#labels[column] as (string | null)[])
          : float64Data(this.#labels[column] as (number | null)[])
      ),
      makeData({ type: list, length, nullCount: 0, child }),
    ];
    const struct = new Struct(this.#schema.fields);
    const data = makeData({ type: struct, length, nullCount: 0, children });
    this.#writer.write(new RecordBatch(this.#schema, data));
    this.#written = true;
    [this.#keys, this.#paths, this.#labels] = [[], [], labels.map(() => [])];
    // Arrow's queue has no back pressure. It is emptied in microtasks, hence before this timer.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.#error !== undefined) throw this.#error;
  }

  async #writeChunks(): Promise<void> {
    for await (const chunk of this.#writer as unknown as AsyncIterable<Uint8Array>) {
      try {
        if (this.#error === undefined) writeAllSync(this.#file, chunk);
      } catch (error) {
        this.#error = error; // Thrown by the next append or close; the queue must still be emptied.
      }
    }
  }
}
