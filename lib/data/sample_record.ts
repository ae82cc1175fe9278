/** The `.json` member of a sample: its schema and parser. */
import * as v from "valibot";
import { describeValue } from "../foreign_text.ts";
import { JsonError, parseJson } from "../json.ts";
import type { LabelColumn } from "./manifest.ts";

/** The `.json` member of a sample, without the sizes, which readers take from the image. */
export interface SampleRecord {
  readonly key: string;
  readonly path: string;
  /** By column of the manifest; `null` where unknown. */
  readonly labels: Readonly<Record<string, string | number | null>>;
}

const TEXT = v.pipe(v.string(), v.minLength(1), v.maxLength(65536));

const RECORD = v.object({
  key: TEXT,
  path: TEXT,
  // Column names may be any text, also "constructor", which a schema of keys would pass over.
  labels: v.custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "an object of labels",
  ),
});

function labelOf(
  column: LabelColumn,
  labels: Readonly<Record<string, unknown>>,
): string | number | null {
  const { name, type, classes } = column;
  const value = Object.hasOwn(labels, name) ? labels[name] : null;
  if (value === null) return null;
  if (type === "number" && typeof value === "number" && Number.isFinite(value)) return value;
  if (type === "class" && typeof value === "string" && knownClasses(classes!).has(value)) {
    return value;
  }
  throw new JsonError(
    `label "${name}" wants ${type === "number" ? "a number" : "one of its classes"}, got ` +
      describeValue(value),
  );
}

/** The classes of each column as a set, so that a lookup among thousands is fast. */
const CLASS_SETS = new WeakMap<readonly string[], ReadonlySet<string>>();

function knownClasses(classes: readonly string[]): ReadonlySet<string> {
  let known = CLASS_SETS.get(classes);
  if (known === undefined) CLASS_SETS.set(classes, known = new Set(classes));
  return known;
}

/** Pixels of an image, upright. */
export interface SampleSize {
  readonly width: number;
  readonly height: number;
}

const PIXELS = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const SIZE = v.object({ width: PIXELS, height: PIXELS });

/**
 * Reads the size of the image from the `.json` member of a sample.
 *
 * @throws {JsonError} it has none
 */
export function parseSampleSize(bytes: Uint8Array): SampleSize {
  return parseJson(bytes, SIZE);
}

/**
 * Reads the `.json` member of a sample.
 *
 * @param columns labels of the manifest
 * @throws {JsonError} not UTF-8, not JSON, or a value that the manifest does not know
 */
export function parseSampleRecord(
  bytes: Uint8Array,
  columns: readonly LabelColumn[],
): SampleRecord {
  const { key, path, labels } = parseJson(bytes, RECORD);
  return {
    key,
    path,
    labels: Object.fromEntries(columns.map((column) => [column.name, labelOf(column, labels)])),
  };
}
