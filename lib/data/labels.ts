/** Labels of a folder of images, from its subfolders and from a table. */
import { resolve } from "node:path";
import { Failure } from "../failure.ts";
import { compareText } from "./listing/paths.ts";
import { type LabelTable, type LabelValues, readLabelTable, WrongCell } from "./labels/table.ts";
import type { LabelColumn } from "./manifest.ts";

export type { LabelValues } from "./labels/table.ts";

/** The labels of a folder of images. */
export interface Labels {
  readonly columns: readonly LabelColumn[];
  valuesOf(path: string): LabelValues;
  /** The table they come from, if any. */
  readonly table: string | undefined;
  /** `line N: path` of table rows that belong to no image. */
  readonly rowsWithoutImage: readonly string[];
  /** Images that the table does not mention; empty without a table. */
  readonly imagesWithoutRow: readonly string[];
  /** What was guessed, what was ignored, and the type of each column: lines of text, without a period. */
  readonly notes: readonly string[];
}

function folderOf(path: string): string | null {
  const slash = path.indexOf("/");
  return slash < 0 ? null : path.slice(0, slash);
}

/** First-level folders as classes; a single folder has no information and makes no column. */
function folderColumn(images: readonly string[]): LabelColumn | undefined {
  const folders = new Set(images.map(folderOf).filter((folder) => folder !== null));
  if (folders.size < 2) return undefined;
  return { name: "class", type: "class", classes: [...folders].sort(compareText) };
}

function noteOnFolders({ classes }: LabelColumn, images: readonly string[]): string {
  const missing = images.filter((path) => folderOf(path) === null).length;
  return `label class: ${classes!.length} classes (folders)${
    missing > 0 ? `, ${missing} missing` : ""
  }`;
}

/** Reads a table that was found, not given; if it cannot be used, returns a line that says why. */
async function readFound(
  source: Parameters<typeof readLabelTable>[0],
): Promise<LabelTable | string> {
  const { path } = source;
  try {
    return await readLabelTable(source);
  } catch (error) {
    if (!(error instanceof Failure) || error instanceof WrongCell) throw error;
    const start = `"${path}": `;
    const why = error.message.slice(error.message.indexOf(start) + start.length);
    return `${path} is passed over: ${why}; mend it and give it with --labels, or give --no-labels`;
  }
}

/** Readers of WebDataset expect one class index per sample: the folders', else the table's first class. */
export function clsColumnOf({ columns }: Labels): string | undefined {
  const classes = columns.filter(({ type, classes = [] }) =>
    type === "class" && classes.length > 0
  );
  return (classes.find(({ name }) => name === "class") ?? classes[0])?.name;
}

/**
 * Collects labels of images: a column `class` from the first-level folders where there are at least two, and
 * the columns of a CSV table by image. A column is `number` when all its cells are decimal numbers or words for a
 * missing one, else `class`; `name:class` or `name:number` in the header decides otherwise. Small whole numbers such
 * as counts stay numbers: a probe can still treat them as classes. A `class` column of the table replaces the folders.
 *
 * @param images relative paths of all images
 * @param given whether the user gave the table; an unusable one that was merely found is ignored with a note
 * @throws {Failure} `missing` or `data`: no table, not readable as one, or no row belongs to an image
 */
export async function collectLabels(
  images: readonly string[],
  { root, csv, given = true }: {
    readonly root: string;
    readonly csv: string | undefined;
    readonly given?: boolean;
  },
): Promise<Labels> {
  const source = { path: csv ?? "", images, root: resolve(root), given };
  const read = csv === undefined
    ? undefined
    : await (given ? readLabelTable(source) : readFound(source));
  const table = typeof read === "string" ? undefined : read;
  const ownClass = table?.columns.some(({ name }) => name === "class") ?? false;
  const inFolders = folderColumn(images);
  const folders = ownClass ? undefined : inFolders;
  const noValues = Object.fromEntries((table?.columns ?? []).map(({ name }) => [name, null]));
  return {
    columns: [...(folders ? [folders] : []), ...(table?.columns ?? [])],
    valuesOf: (path) => ({
      ...(folders ? { class: folderOf(path) } : {}),
      ...(table?.rows.get(path) ?? noValues),
    }),
    table: table === undefined ? undefined : csv,
    rowsWithoutImage: table?.rowsWithoutImage ?? [],
    imagesWithoutRow: table === undefined ? [] : images.filter((path) => !table.rows.has(path)),
    notes: [
      ...(typeof read === "string" ? [read] : []),
      ...(folders ? [noteOnFolders(folders, images)] : []),
      ...(ownClass && inFolders
        ? [`${csv}: its column "class" takes the place of the folders`]
        : []),
      ...(table?.notes ?? []).map((note) => `${csv}: ${note}`),
      ...(table?.columnNotes ?? []),
    ],
  };
}
