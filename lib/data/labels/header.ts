/** The first line of a table of labels, and which of its columns names the images. */
import type { CsvRow } from "../csv.ts";
import { hasImageExtension } from "../../images/mod.ts";
import { type Reading, readingsOf } from "./paths.ts";

/** Usual names of path columns, the clearest first. */
const PATH_NAMES: readonly string[] = [
  "path",
  ...["filepath", "file_path", "image_path", "imagepath", "img_path", "relative_path", "relpath"],
  ...["file", "filename", "file_name", "fname", "image", "image_name", "imagename", "image_file"],
  ...["image_filename", "img", "img_name", "img_file", "images", "photo", "picture", "image_id"],
  ...["imageid", "img_id", "id", "name", "key", "url"],
];

/** Names that feature files reserve, and one that objects reserve. */
const RESERVED = ["key", "path", "embedding", "__proto__"];

/** A column of labels as the first line has it. */
export interface HeaderColumn {
  readonly name: string;
  /** The type that the header states: `name:class`, `name:number`. */
  readonly stated: "class" | "number" | undefined;
  readonly index: number;
}

/** Which column names the images, and how it is read. */
export interface Naming {
  /** Index of the column. */
  readonly key: number;
  readonly reading: Reading;
  /** How many of the rows in the sample name an image. */
  readonly matched: number;
  readonly looked: number;
}

const ROWS_LOOKED_AT = 1000;

function rankOf(name: string): number {
  const rank = PATH_NAMES.indexOf(name.toLowerCase());
  return rank < 0 ? PATH_NAMES.length : rank;
}

function spread(rows: readonly CsvRow[]): readonly CsvRow[] {
  const step = Math.ceil(rows.length / ROWS_LOOKED_AT);
  return step <= 1 ? rows : rows.filter((_, index) => index % step === 0);
}

/** The column that names most images. A tie is decided by its name, and a column called `path` needs only some. */
function bestColumn(header: CsvRow, rows: readonly CsvRow[], reading: Reading): Naming {
  const counted = header.cells.map((name, key) => ({
    key,
    rank: rankOf(name),
    matched: rows.filter(({ cells }) => reading.find(cells[key]!) !== undefined).length,
  }));
  const documented = counted.find(({ rank, matched }) => rank === 0 && matched > 0);
  const [best] = counted.sort((a, b) => b.matched - a.matched || a.rank - b.rank);
  const { key, matched } = documented ?? best!;
  return { key, reading, matched, looked: rows.length };
}

/** Whether a guess fits better than by chance, judged by a sample of rows. */
function isConvincing(
  { matched, looked }: Naming,
  { rows, images, given }: { rows: number; images: number; given: boolean },
): boolean {
  const fitsRows = 2 * matched >= looked, fitsImages = 2 * matched * (rows / looked) >= images;
  // Numbers of classes are also names of numbered images: a table that the user did not give has to fit both.
  return given ? fitsRows || fitsImages : fitsRows && fitsImages;
}

/**
 * Finds the column that names the images, by the path in some row, or by a guess that fits half of the rows or of the
 * images; of both if the user did not give the table.
 *
 * @param rows all of the table, of one width
 * @param root absolute path of the images folder
 */
export function findNaming(
  rows: readonly CsvRow[],
  { images, root, given }: {
    readonly images: readonly string[];
    readonly root: string;
    readonly given: boolean;
  },
): Naming | undefined {
  const [header, ...others] = rows;
  const data = others.length > 0 ? others : rows, some = spread(data);
  for (const reading of readingsOf(images, root)) {
    const exact = reading.guess === undefined;
    const fits = (naming: Naming) =>
      naming.matched > 0 &&
      (exact || isConvincing(naming, { rows: data.length, images: images.length, given }));
    const first = bestColumn(header!, some, reading);
    if (fits(first)) return first;
    if (some !== data && (exact || first.matched > 0)) {
      const whole = bestColumn(header!, data, reading);
      if (fits(whole)) return whole;
    }
    if (exact && others.length === 0) return undefined; // One line is not enough to guess from.
  }
  return undefined;
}

/** Whether the first line is data like the others: it names an image, or a file that would be one. */
export function isData(first: CsvRow, { key, reading }: Naming): boolean {
  const cell = first.cells[key]!;
  if (PATH_NAMES.includes(cell.toLowerCase())) return false;
  return hasImageExtension(cell) || reading.find(cell) !== undefined;
}

/** Names for the columns of a table that has none: `label`, `label2` ... */
export function inventColumns(first: CsvRow, key: number): HeaderColumn[] {
  const indices = first.cells.map((_, index) => index).filter((index) => index !== key);
  return indices.map((index, place) => ({
    name: place === 0 ? "label" : `label${place + 1}`,
    stated: undefined,
    index,
  }));
}

/** The name that pandas gives to a column without one when it reads a table. */
const UNNAMED = /^(Unnamed: \d+)?$/;

/** A leading index that pandas has written, or the empty column after a delimiter at the end of each line. */
function holdsNothing(rows: readonly CsvRow[], index: number): boolean {
  const cells = rows.map((row) => row.cells[index]!);
  if (cells.every((cell) => cell === "")) return true;
  return index === 0 && cells.every((cell) => /^\d+$/.test(cell)) &&
    new Set(cells).size === cells.length;
}

/**
 * Reads the names of the columns of labels; `passedOver` are columns without labels.
 *
 * @param refuse throws, with what is wrong
 */
export function readColumns(
  header: CsvRow,
  { key, data, refuse }: {
    readonly key: number;
    readonly data: readonly CsvRow[];
    readonly refuse: (what: string) => never;
  },
): { readonly columns: readonly HeaderColumn[]; readonly passedOver: readonly string[] } {
  const columns: HeaderColumn[] = [], passedOver: string[] = [], names = new Set<string>();
  for (const [index, cell] of header.cells.entries()) {
    if (index === key) continue;
    const [, name = "", stated] = /^(.*?)(?::(class|number))?$/is.exec(cell)!;
    const place = `column ${index + 1}`;
    if (UNNAMED.test(name) && holdsNothing(data, index)) {
      passedOver.push(`${place} has no name and is an index or empty`);
      continue;
    }
    if (name === "path") {
      passedOver.push(`${place} is called "path" but names no image`);
      continue;
    }
    if (name === "") refuse(`${place} has no name, give every column a name in the first line`);
    if (RESERVED.includes(name)) {
      refuse(`${place} is called "${name}", which is reserved, rename it`);
    }
    if (names.has(name)) refuse(`${place} repeats the name "${name}", rename it`);
    names.add(name);
    columns.push({ name, stated: stated?.toLowerCase() as HeaderColumn["stated"], index });
  }
  return { columns, passedOver };
}
