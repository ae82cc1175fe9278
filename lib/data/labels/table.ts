/** A table of labels by image. */
import { Failure } from "../../failure.ts";
import { type CsvRow, delimitersOf, parseCsv } from "../csv.ts";
import type { LabelColumn } from "../manifest.ts";
import { type Cell, NotANumber, typeColumn, type TypedColumn } from "./cells.ts";
import {
  findNaming,
  type HeaderColumn,
  inventColumns,
  isData,
  type Naming,
  readColumns,
} from "./header.ts";
import { pathOf } from "./paths.ts";
import { readTableText } from "./text.ts";

/** Labels of one image by column; `null` where there is none. */
export type LabelValues = Readonly<Record<string, string | number | null>>;

/** The labels of a table for existing images. */
export interface LabelTable {
  readonly columns: readonly LabelColumn[];
  /** By the path of the image. */
  readonly rows: ReadonlyMap<string, LabelValues>;
  /** `line N: path` of rows that belong to no image. */
  readonly rowsWithoutImage: readonly string[];
  /** What was guessed about the table or ignored in it, for messages. */
  readonly notes: readonly string[];
  /** The type of each column and why, for messages. */
  readonly columnNotes: readonly string[];
}

/** A table and the images that it is about. */
interface Source {
  readonly path: string;
  readonly images: readonly string[];
  /** Absolute path of the images folder. */
  readonly root: string;
  /** Whether the user gave it: then less certain guesses are accepted. */
  readonly given: boolean;
}

/** A cell that is no number in a column `name:number`. A table with such a header was written for `shard`. */
export class WrongCell extends Failure {
  constructor(path: string, { line, text }: Cell, name: string) {
    super(
      "data",
      `Cannot read the labels "${path}": line ${line} wants a number for "${name}:number", got "${text}"`,
    );
  }
}

function refuse(path: string, what: string): never {
  throw new Failure("data", `Cannot read the labels "${path}": ${what}`);
}

/** The likeliest delimiter; of several, one under which a cell is the path of an image. */
function chooseDelimiter(text: string, { path, images }: Source): string {
  const delimiters = delimitersOf(text);
  if (delimiters.length === 1) return delimiters[0]!;
  const known = new Set(images);
  const namesSome = (delimiter: string) =>
    parseCsv(text, path, { delimiter, mostRows: ROWS_TRIED })
      .some(({ cells }) => cells.some((cell) => known.has(cell)));
  return delimiters.find(namesSome) ?? delimiters[0]!;
}

const ROWS_TRIED = 50;

/** Rows of one width, and whether cells may contain commas. */
function parseRows(text: string, source: Source): { rows: CsvRow[]; commas: boolean } {
  const { path } = source;
  const delimiter = chooseDelimiter(text, source);
  const rows = parseCsv(text, path, { delimiter });
  const [first] = rows;
  for (const { line, cells } of rows) {
    if (cells.length === first!.cells.length) continue;
    refuse(
      path,
      `line ${line} has ${cells.length} cells, wanted ${first!.cells.length} as in the first line`,
    );
  }
  return { rows, commas: delimiter !== "," };
}

function expectRows(rows: readonly CsvRow[], path: string): void {
  if (rows.length > 1) return;
  refuse(
    path,
    `wanted a first line with column names and a line per image, got ${
      rows.length === 0 ? "an empty file" : "only one line"
    }`,
  );
}

function expectNaming(naming: Naming | undefined, rows: readonly CsvRow[], source: Source): Naming {
  if (naming !== undefined) return naming;
  const { path, root } = source;
  const key = Math.max(0, rows[0]!.cells.indexOf("path"));
  throw new Failure(
    "data",
    `Cannot use the labels "${path}": none of its ${
      rows.length - 1
    } rows names an image, the first is ` +
      `"${pathOf(rows[1]!.cells[key]!, root)}", paths must be relative to the images folder`,
  );
}

function typeHeaderColumn(
  { name, stated, index }: HeaderColumn,
  { data, commas, path }: {
    readonly data: readonly CsvRow[];
    readonly commas: boolean;
    readonly path: string;
  },
): TypedColumn {
  const cells: Cell[] = data.map(({ line, cells }) => ({ line, text: cells[index]! }));
  try {
    return typeColumn(cells, { name, stated, commas });
  } catch (error) {
    if (error instanceof NotANumber) throw new WrongCell(path, error.cell, name);
    throw error;
  }
}

/** What was guessed to read the table; none for a table with an exact `path` column. */
function notesOnReading(
  first: CsvRow,
  { key, reading, matched, looked }: Naming,
  columns: readonly HeaderColumn[] | undefined,
): string[] {
  const notes: string[] = [];
  const named = columns === undefined;
  if (!named) {
    const names = columns.map(({ name }) => name).join(", ");
    notes.push(`the first line is no header, the columns are called ${names || "nothing"}`);
  }
  const name = named ? `column "${first.cells[key]}"` : `column ${key + 1}`;
  if (reading.guess !== undefined) {
    notes.push(
      `guessed that ${name} names the images, each ${reading.guess}: it fits ${matched} of ${looked} rows`,
    );
  } else if (named && first.cells[key] !== "path") notes.push(`${name} names the images`);
  return notes;
}

const COLUMNS_DESCRIBED = 20;

function notesOnColumns(typed: readonly TypedColumn[]): string[] {
  const notes = typed.slice(0, COLUMNS_DESCRIBED).map(({ note }) => note);
  const rest = typed.length - notes.length;
  return rest > 0 ? [...notes, `label columns not described here: ${rest}`] : notes;
}

function readRows(
  data: readonly CsvRow[],
  { naming, columns, typed, source }: {
    readonly naming: Naming;
    readonly columns: readonly HeaderColumn[];
    readonly typed: readonly TypedColumn[];
    readonly source: Source;
  },
): Pick<LabelTable, "rows" | "rowsWithoutImage"> {
  const { key, reading } = naming, { path, root } = source;
  const rows = new Map<string, LabelValues>(), lines = new Map<string, number>();
  const rowsWithoutImage: string[] = [];
  for (const { line, cells } of data) {
    const image = reading.find(cells[key]!);
    if (image === undefined) {
      rowsWithoutImage.push(`line ${line}: ${pathOf(cells[key]!, root)}`);
      continue;
    }
    const earlier = lines.get(image);
    if (earlier !== undefined) {
      refuse(path, `"${image}" is on line ${earlier} and again on line ${line}`);
    }
    lines.set(image, line);
    const entries = columns.map(({ name, index }, place) =>
      [name, typed[place]!.valueOf(cells[index]!)] as const
    );
    rows.set(image, Object.fromEntries(entries));
  }
  return { rows, rowsWithoutImage };
}

/**
 * Reads a table of labels by image: CSV with a first line of names or without one. The column that names the images is
 * the one whose cells are their paths, or can be guessed to be.
 *
 * @throws {Failure} `missing` or `data`: no table, not readable as one, or no row belongs to an image
 */
export async function readLabelTable(source: Source): Promise<LabelTable> {
  const { path } = source;
  const { rows, commas } = parseRows(await readTableText(path), source);
  const naming = rows.length === 0 ? undefined : findNaming(rows, source);
  const [first] = rows;
  const headless = naming !== undefined && isData(first!, naming);
  if (!headless) expectRows(rows, path);
  const used = expectNaming(naming, rows, source);
  const data = headless ? rows : rows.slice(1);
  const invented = headless ? inventColumns(first!, used.key) : undefined;
  const { columns, passedOver } = invented === undefined
    ? readColumns(first!, { key: used.key, data, refuse: (what) => refuse(path, what) })
    : { columns: invented, passedOver: [] };
  const typed = columns.map((column) => typeHeaderColumn(column, { data, commas, path }));
  return {
    columns: typed.map(({ column }) => column),
    ...readRows(data, { naming: used, columns, typed, source }),
    notes: [
      ...notesOnReading(first!, used, invented),
      ...passedOver.map((what) => `${what}, passed over`),
      ...columns.length === 0 ? ["there is no column of labels"] : [],
    ],
    columnNotes: notesOnColumns(typed),
  };
}
