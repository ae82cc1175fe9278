import { relative, resolve } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { type CsvRow, parseCsv } from "./csv.ts";
import { compareText } from "./images.ts";
import type { LabelColumn } from "./manifest.ts";

/** Labels of one image by column; `null` where there is none. */
export type LabelValues = Readonly<Record<string, string | number | null>>;

/** The labels of a folder of images. */
export interface Labels {
  readonly columns: readonly LabelColumn[];
  valuesOf(path: string): LabelValues;
  /** `line N: path` of table rows that belong to no image. */
  readonly rowsWithoutImage: readonly string[];
  /** Images that the table does not mention; empty without a table. */
  readonly imagesWithoutRow: readonly string[];
}

/** Column names that feature files use for other things. */
const RESERVED = ["key", "path", "embedding"];

/** A decimal number, but not a code with leading zeros such as `007`. */
const NUMBER = /^[+-]?(0|[1-9]\d*)?(\.\d*)?(e[+-]?\d+)?$/i;

interface HeaderColumn {
  readonly name: string;
  readonly asked: "class" | "number" | undefined;
  readonly index: number;
}

function isNumber(cell: string): boolean {
  return /\d/.test(cell) && NUMBER.test(cell) && Number.isFinite(Number(cell));
}

function readHeader(header: CsvRow, path: string): { key: number; columns: HeaderColumn[] } {
  const named = header.cells.indexOf("path");
  const key = named < 0 ? 0 : named;
  const columns: HeaderColumn[] = [];
  header.cells.forEach((cell, index) => {
    if (index === key) return;
    const [, name = "", asked] = /^(.*?)(?::(class|number))?$/s.exec(cell)!;
    const refuse = (what: string): never => {
      throw new Failure("data", `Cannot read the labels "${path}": column ${index + 1} ${what}`);
    };
    if (name === "") refuse("has no name, give every column a name in the first line");
    if (RESERVED.includes(name)) refuse(`is called "${name}", which is reserved, rename it`);
    if (columns.some((other) => other.name === name)) {
      refuse(`repeats the name "${name}", rename it`);
    }
    columns.push({ name, asked: asked as HeaderColumn["asked"], index });
  });
  return { key, columns };
}

function expectNumbers({ name, index }: HeaderColumn, rows: readonly CsvRow[], path: string): void {
  const wrong = rows.find(({ cells }) => cells[index] !== "" && !isNumber(cells[index]!));
  if (wrong === undefined) return;
  throw new Failure(
    "data",
    `Cannot read the labels "${path}": line ${wrong.line} wants a number for "${name}:number", ` +
      `got "${wrong.cells[index]}"`,
  );
}

function describeColumn(column: HeaderColumn, rows: readonly CsvRow[], path: string): LabelColumn {
  const { name, asked, index } = column;
  if (asked === "number") expectNumbers(column, rows, path);
  const cells = [...new Set(rows.map((row) => row.cells[index]!))].filter((cell) => cell !== "");
  const type = asked ?? (cells.length > 0 && cells.every(isNumber) ? "number" : "class");
  return type === "number" ? { name, type } : { name, type, classes: cells.sort(compareText) };
}

/** A table of labels by image path. */
interface LabelTable {
  readonly columns: readonly LabelColumn[];
  readonly rows: ReadonlyMap<string, { readonly line: number; readonly values: LabelValues }>;
}

function unicodePath(path: string): string {
  // The same name may be composed in the table and decomposed on the disk (macOS).
  return path.normalize("NFC");
}

function expectWidth(row: CsvRow, { wanted, path }: { wanted: number; path: string }): void {
  if (row.cells.length === wanted) return;
  throw new Failure(
    "data",
    `Cannot read the labels "${path}": line ${row.line} has ${row.cells.length} cells, wanted ` +
      `${wanted} as in the first line`,
  );
}

function parseTable(text: string, { path, root }: { path: string; root: string }): LabelTable {
  const [header, ...records] = parseCsv(text, path);
  if (header === undefined || records.length === 0) {
    throw new Failure(
      "data",
      `Cannot read the labels "${path}": wanted a first line with column names and a line per image, ` +
        `got ${header === undefined ? "an empty file" : "only one line"}`,
    );
  }
  const { key, columns: headerColumns } = readHeader(header, path);
  for (const row of records) expectWidth(row, { wanted: header.cells.length, path });
  const columns = headerColumns.map((column) => describeColumn(column, records, path));
  const rows = new Map<string, { line: number; values: LabelValues }>();
  for (const { line, cells } of records) {
    const file = unicodePath(relative(root, resolve(root, cells[key]!.replaceAll("\\", "/"))));
    const earlier = rows.get(file);
    if (earlier !== undefined) {
      throw new Failure(
        "data",
        `Cannot read the labels "${path}": "${file}" is on line ${earlier.line} and again on line ${line}`,
      );
    }
    const entries = columns.map(({ name, type }, i) => {
      const cell = cells[headerColumns[i]!.index]!;
      return [name, cell === "" ? null : type === "number" ? Number(cell) : cell];
    });
    rows.set(file, { line, values: Object.fromEntries(entries) });
  }
  return { columns, rows };
}

async function readTable(path: string, root: string): Promise<LabelTable> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(path));
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    throw new Failure(
      missing ? "missing" : "data",
      `Cannot read the labels "${path}": ` +
        (missing
          ? "the file does not exist, give another --labels"
          : error instanceof TypeError
          ? "not UTF-8 text, save it as UTF-8"
          : messageOf(error)),
      { cause: error },
    );
  }
  return parseTable(text, { path, root });
}

function folderOf(path: string): string | null {
  const slash = path.indexOf("/");
  return slash < 0 ? null : path.slice(0, slash);
}

/** First-level folders as classes; a single folder tells nothing and makes no column. */
function folderColumn(images: readonly string[]): LabelColumn | undefined {
  const folders = new Set(images.map(folderOf).filter((folder) => folder !== null));
  if (folders.size < 2) return undefined;
  return { name: "class", type: "class", classes: [...folders].sort(compareText) };
}

function expectSomeMatch(
  table: LabelTable,
  { csv, matched }: { csv: string; matched: number },
): void {
  if (matched > 0) return;
  const [first] = table.rows.keys();
  throw new Failure(
    "data",
    `Cannot use the labels "${csv}": none of its ${table.rows.size} rows names an image, ` +
      `the first is "${first}", paths must be relative to the images folder`,
  );
}

/**
 * Collects labels of images: a column `class` from the first-level folders where there are at least two, and
 * the columns of a CSV table by relative path (in the column `path`, else the first). A column is `number`
 * when all its cells are decimal numbers, else `class`; `name:class` or `name:number` in the header decides
 * otherwise. Small whole numbers such as counts stay numbers: a probe can still treat them as classes. A
 * `class` column of the table replaces the folders.
 *
 * @param images relative paths of all images
 * @throws {Failure} `missing` or `data`: no table, not readable as one, or no row belongs to an image
 */
export async function collectLabels(
  images: readonly string[],
  { root, csv }: { readonly root: string; readonly csv: string | undefined },
): Promise<Labels> {
  const table = csv === undefined ? undefined : await readTable(csv, resolve(root));
  const ownClass = table?.columns.some(({ name }) => name === "class") ?? false;
  const folders = ownClass ? undefined : folderColumn(images);
  const columns = [...(folders ? [folders] : []), ...(table?.columns ?? [])];
  const known = new Set(images.map(unicodePath));
  const rowsWithoutImage = [...(table?.rows ?? [])]
    .filter(([path]) => !known.has(path))
    .map(([path, { line }]) => `line ${line}: ${path}`);
  if (table !== undefined) {
    expectSomeMatch(table, { csv: csv!, matched: table.rows.size - rowsWithoutImage.length });
  }
  const noValues = Object.fromEntries((table?.columns ?? []).map(({ name }) => [name, null]));
  return {
    columns,
    valuesOf: (path) => ({
      ...(folders ? { class: folderOf(path) } : {}),
      ...(table?.rows.get(unicodePath(path))?.values ?? noValues),
    }),
    rowsWithoutImage,
    imagesWithoutRow: table === undefined
      ? []
      : images.filter((path) => !table.rows.has(unicodePath(path))),
  };
}
