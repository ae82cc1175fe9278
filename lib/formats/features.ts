/** The content of feature files as plain data; `arrow.ts` reads and writes them. */
import { Failure } from "../failure.ts";

/** A label column: class names, or numbers. */
export interface FeatureLabel {
  readonly name: string;
  readonly type: "class" | "number";
}

/**
 * The widest embeddings that probes take, values: the sums over all pairs of them, float64, take 8 bytes for each of
 * width x width, which is 2 GB for these.
 */
export const MOST_WIDTH = 16_384;

/** The content of a feature file, apart from its rows. */
export interface FeatureSchema {
  /** D, the length of an embedding. */
  readonly width: number;
  readonly labels: readonly FeatureLabel[];
  /** Provenance: `ijepa.encoder_sha256`, `ijepa.layers` and so on; free for other sources of features. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Rows to be written. */
export interface FeatureBatch {
  readonly keys: readonly string[];
  readonly paths: readonly string[];
  /** Values by label column; `null` is "not known". */
  readonly labels: Readonly<Record<string, readonly (string | number | null)[]>>;
  /** [rows D] */
  readonly embeddings: Float32Array;
}

/** The values of one label column, one per row. */
export type LabelValues =
  | { readonly type: "class"; readonly values: readonly (string | null)[] }
  | { readonly type: "number"; readonly values: readonly (number | null)[] };

/** A feature file in memory. */
export interface Features {
  readonly rows: number;
  readonly width: number;
  readonly keys: readonly string[];
  readonly paths: readonly string[];
  readonly labels: ReadonlyMap<string, LabelValues>;
  /** [rows D] */
  readonly embeddings: Float32Array<ArrayBuffer>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Columns that every file has; labels have other names. */
export const OWN_COLUMNS: readonly string[] = ["key", "path", "embedding"];

/**
 * Fails on a schema that cannot be written.
 *
 * @throws {Failure} `data`: a label is named like a column of the file itself, or twice
 */
export function expectSchema(path: string, schema: FeatureSchema): void {
  if (!Number.isInteger(schema.width) || schema.width < 1) {
    throw new RangeError(
      `Cannot write features: width must be a whole number, got ${schema.width}`,
    );
  }
  schema.labels.forEach(({ name }, index) => {
    const taken = OWN_COLUMNS.includes(name) ||
      schema.labels.findIndex((label) => label.name === name) !== index;
    if (taken) {
      throw new Failure(
        "data",
        `Cannot write features to "${path}": label "${name}" has the name of another column ` +
          `(${OWN_COLUMNS.join(", ")} are taken), rename the label`,
      );
    }
  });
}

/**
 * Fails on rows that do not fit the schema.
 *
 * @throws {RangeError} wrong counts
 * @throws {TypeError} a label value of the wrong type
 */
export function expectBatch(
  { width, labels: columns }: FeatureSchema,
  { keys, paths, labels, embeddings }: FeatureBatch,
): void {
  const rows = keys.length;
  if (paths.length !== rows || embeddings.length !== rows * width) {
    throw new RangeError(
      `Cannot append features: ${rows} keys need ${rows} paths and ${rows * width} embedding ` +
        `values, got ${paths.length} and ${embeddings.length}`,
    );
  }
  for (const { name, type } of columns) {
    const values = labels[name];
    if (values?.length !== rows) {
      throw new RangeError(
        `Cannot append features: label "${name}" needs ${rows} values, got ${values?.length ?? 0}`,
      );
    }
    const wanted = type === "class" ? "string" : "number";
    const odd = values.find((value) => value !== null && typeof value !== wanted);
    if (odd !== undefined) {
      throw new TypeError(
        `Cannot append features: label "${name}" holds values of type ${wanted}, got ${odd}`,
      );
    }
  }
}
