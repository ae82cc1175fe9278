/** Feature files, read batch by batch into one array. */
import { DataType, type FixedSizeList, RecordBatchReader, type Schema } from "apache-arrow";
import { open } from "node:fs/promises";
import { Failure, messageOf } from "../../failure.ts";
import { readFully } from "../../files/mod.ts";
import { type FeatureLabel, type Features, type LabelValues, OWN_COLUMNS } from "../features.ts";

/** Fails unless the file begins and ends as an Arrow IPC file does. */
async function checkMagic(path: string): Promise<number> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Failure(
        "missing",
        `Cannot read features: "${path}" does not exist, make it with "deno task features"`,
      );
    }
    throw new Failure(
      "missing",
      `Cannot read features: "${path}" is not readable: ${messageOf(error)}`,
    );
  }
  using _file = file;
  const { size, isFile } = await file.stat();
  const magicAt = async (position: number): Promise<string> => {
    const bytes = new Uint8Array(6);
    if (position < 0 || !await readFully(file, bytes, position)) return "";
    return new TextDecoder("latin1").decode(bytes);
  };
  if (!isFile || await magicAt(0) !== "ARROW1") {
    throw new Failure(
      "data",
      `Cannot read features: "${path}" is not an Arrow IPC file, ` +
        `give a file that "deno task features" wrote`,
    );
  }
  if (size < 20 || await magicAt(size - 6) !== "ARROW1") {
    throw new Failure(
      "data",
      `Cannot read features: "${path}" is cut short (${size} bytes, no Arrow footer), make it again`,
    );
  }
  return size;
}

/** The label columns of a file, with how their values are read. */
function labelColumns(path: string, schema: Schema): FeatureLabel[] {
  return schema.fields.filter(({ name }) => !OWN_COLUMNS.includes(name)).map(({ name, type }) => {
    if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return { name, type: "class" };
    if (DataType.isFloat(type) || DataType.isInt(type)) return { name, type: "number" };
    throw new Failure(
      "data",
      `Cannot read features: label "${name}" of "${path}" has type ${type}, ` +
        `expected utf8 or a number type`,
    );
  });
}

/** D, from the type of the embedding column. */
function embeddingWidth(path: string, schema: Schema): number {
  const type = schema.fields.find((field) => field.name === "embedding")?.type;
  const hasKey = schema.fields.some((field) => field.name === "key" && DataType.isUtf8(field.type));
  const fits = type !== undefined && DataType.isFixedSizeList(type) &&
    DataType.isFloat(type.children[0]?.type) && type.children[0].type.precision === 1;
  if (!hasKey || !fits) {
    throw new Failure(
      "data",
      `Cannot read features: "${path}" needs the columns key (utf8) and embedding ` +
        `(FixedSizeList<float32>), got ${
          schema.fields.map((f) => `${f.name} (${f.type})`).join(", ")
        }`,
    );
  }
  return (type as FixedSizeList).listSize;
}

/**
 * Reads a feature file batch by batch into one array of embeddings.
 *
 * @throws {Failure} `missing`: no such file; `data`: not an Arrow file, cut short, damaged, or other columns
 */
export async function readFeatures(path: string): Promise<Features> {
  const size = await checkMagic(path);
  const file = await open(path);
  try {
    const reader = await RecordBatchReader.from(file);
    await reader.open();
    const { schema } = reader;
    const width = embeddingWidth(path, schema);
    const columns = labelColumns(path, schema);
    const values = columns.map((): (string | number | null)[] => []);
    const keys: string[] = [], paths: string[] = [];
    // The file is little more than the embeddings; pages past the last row are never touched.
    let embeddings = new Float32Array(Math.floor(size / 4));
    let rows = 0;
    for await (const batch of reader) {
      const list = batch.getChild("embedding")!.data[0]!;
      const start = list.offset * width;
      const child = list.children[0]!.values as Float32Array;
      embeddings.set(child.subarray(start, start + batch.numRows * width), rows * width);
      const [key, pathColumn] = [batch.getChild("key")!, batch.getChild("path")];
      const labels = columns.map(({ name }) => batch.getChild(name)!);
      for (let row = 0; row < batch.numRows; row++) {
        keys.push(key.get(row));
        paths.push(pathColumn?.get(row) ?? keys.at(-1)!);
        labels.forEach((column, index) => values[index]!.push(labelValue(column.get(row))));
      }
      rows += batch.numRows;
    }
    embeddings = embeddings.subarray(0, rows * width);
    const labels = new Map(columns.map(({ name, type }, index) => [
      name,
      { type, values: values[index]! } as LabelValues,
    ]));
    const metadata = Object.fromEntries(schema.metadata);
    return { rows, width, keys, paths, labels, embeddings, metadata };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      "data",
      `Cannot read features: "${path}" is damaged (${messageOf(error)}), make it again`,
      { cause: error },
    );
  } finally {
    await file.close().catch(() => {}); // The reader may have closed it.
  }
}

/** Missing values are `null`, whatever the column's type. */
function labelValue(value: string | number | bigint | null): string | number | null {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "number" && Number.isNaN(value) ? null : value;
}
