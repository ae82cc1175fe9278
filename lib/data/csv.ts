/** A CSV parser, and the guess which delimiter a table uses. */
import { Failure } from "../failure.ts";

/** One record of a CSV file. */
export interface CsvRow {
  /** Line on which the record begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** Delimiters, the commonest first. A space matches any number of spaces. */
const DELIMITERS = [",", ";", "\t", "|", " "];

/** Bounds on what a table may hold: more is a mistake, such as a quote that is never closed. */
const MOST_COLUMNS = 1024;
const LONGEST_CELL = 10_000;
const MOST_ROWS = 5e6;

/** Rows and characters of the first line by which a delimiter is judged. */
const ROWS_JUDGED = 50;
const LONGEST_HEADER = 1 << 16;

/** How CSV text is read. */
export interface CsvOptions {
  /** @default the first of {@link delimitersOf} */
  readonly delimiter?: string;
  /** Stops after so many records. */
  readonly mostRows?: number;
}

/** Text without a byte order mark, and the delimiter that Excel announces in a line of its own (`sep=;`). */
function openingOf(text: string): { start: number; announced: string | undefined } {
  const [opening, announced] = /^\ufeff?(?:sep=([,;\t|])(?:\r\n?|\n))?/.exec(text)!;
  return { start: opening.length, announced };
}

function firstRows(text: string, delimiter: string): CsvRow[] {
  try {
    return parseCsv(text, "", { delimiter, mostRows: ROWS_JUDGED });
  } catch {
    return [];
  }
}

/**
 * The delimiters that a table may have, the likeliest first: those that give every row the same number of cells, two or
 * more; else the most frequent one in the first line.
 */
export function delimitersOf(text: string): readonly string[] {
  const { start, announced } = openingOf(text);
  if (announced !== undefined) return [announced];
  const judged = DELIMITERS.map((delimiter) => {
    const [first, ...others] = firstRows(text, delimiter);
    const width = first?.cells.length ?? 1;
    return { delimiter, width, even: others.every(({ cells }) => cells.length === width) };
  });
  const marks = judged.filter(({ delimiter }) => delimiter !== " ");
  const even = marks.filter(({ width, even }) => even && width > 1);
  if (even.length > 0) return even.sort((a, b) => b.width - a.width).map((one) => one.delimiter);
  const [header] = text.slice(start, start + LONGEST_HEADER).split(/[\r\n]/, 1);
  const count = (mark: string) => header!.split(mark).length;
  const { delimiter } = marks.reduce((best, mark) =>
    count(mark.delimiter) > count(best.delimiter) ? mark : best
  );
  const spaced = judged.at(-1)!;
  return [count(delimiter) === 1 && spaced.even && spaced.width > 1 ? " " : delimiter];
}

/**
 * Splits CSV text by RFC 4180: quoted cells may hold delimiters, line breaks and doubled quotes; lines end with LF,
 * CRLF or CR; a byte order mark and empty lines are skipped.
 *
 * @param path where the text came from, for messages
 * @throws {Failure} `data`: a quote that is not closed, text after a closing quote, too many columns, a cell too long
 */
export function parseCsv(text: string, path: string, options: CsvOptions = {}): CsvRow[] {
  const { delimiter = delimitersOf(text)[0]!, mostRows = Infinity } = options;
  const rows: CsvRow[] = [];
  const { start, announced } = openingOf(text);
  let cells: string[] = [], line = announced === undefined ? 1 : 2, rowLine = line, at = start;

  function refuse(what: string): never {
    throw new Failure("data", `Cannot read "${path}": line ${line} has ${what}`);
  }
  function atLineEnd(): boolean {
    return text[at] === "\n" || text[at] === "\r";
  }
  function skipLineEnd(): void {
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
  }
  function skipSpaces(): void {
    while (text[at] === " ") at++;
  }
  function readQuoted(): string {
    let cell = "";
    const opened = line;
    for (at++;; at++) {
      const mark = text[at];
      if (mark === undefined) {
        line = opened;
        refuse("a quote that is never closed");
      }
      if (mark === "\n" || (mark === "\r" && text[at + 1] !== "\n")) line++;
      if (mark !== '"') cell += mark;
      else if (text[at + 1] === '"') cell += text[at++];
      else break;
      if (cell.length > LONGEST_CELL) {
        line = opened;
        refuse(`more than ${LONGEST_CELL} characters in quotes, is a quote not closed?`);
      }
    }
    at++;
    if (delimiter !== " ") skipSpaces();
    if (at < text.length && text[at] !== delimiter && !atLineEnd()) {
      refuse("text after a closing quote");
    }
    return cell;
  }
  function readPlain(from: number): string {
    while (at < text.length && text[at] !== delimiter && !atLineEnd()) at++;
    const cell = text.slice(from, at).trim();
    if (cell.length > LONGEST_CELL) {
      refuse(`a cell of ${cell.length} characters, wanted at most ${LONGEST_CELL}`);
    }
    return cell;
  }

  while (at < text.length && rows.length < mostRows) {
    const from = at;
    skipSpaces();
    cells.push(text[at] === '"' ? readQuoted() : readPlain(from));
    if (cells.length > MOST_COLUMNS) {
      refuse(`more than ${MOST_COLUMNS} columns, leave out those that are no labels`);
    }
    if (delimiter === " ") skipSpaces();
    if (at < text.length && !atLineEnd()) {
      if (text[at] === delimiter) at++;
      if (at < text.length) continue;
      cells.push("");
    }
    if (rows.length === MOST_ROWS) refuse(`more than ${MOST_ROWS} rows before it, split the table`);
    if (cells.length > 1 || cells[0] !== "") rows.push({ line: rowLine, cells });
    cells = [];
    skipLineEnd();
    rowLine = ++line;
  }
  return rows;
}
