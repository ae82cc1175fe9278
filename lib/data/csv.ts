import { Failure } from "../failure.ts";

/** One record of a CSV file. */
export interface CsvRow {
  /** Line on which the record begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

function delimiterOf(text: string): string {
  const header = text.slice(0, text.search(/[\r\n]|$/));
  const count = (mark: string) => header.split(mark).length;
  return [",", ";", "\t"].reduce((best, mark) => count(mark) > count(best) ? mark : best);
}

/**
 * Splits CSV text by RFC 4180: quoted cells may hold delimiters, line breaks and doubled quotes; lines end with
 * LF or CRLF; a byte order mark and empty lines are passed over. The delimiter is whichever of comma, semicolon
 * and tab is most frequent in the first line.
 *
 * @param path where the text came from, for messages
 * @throws {Failure} `data`: a quote that is not closed, or text after a closing quote
 */
export function parseCsv(text: string, path: string): CsvRow[] {
  const source = text.startsWith("\ufeff") ? text.slice(1) : text;
  const delimiter = delimiterOf(source);
  const rows: CsvRow[] = [];
  let cells: string[] = [], line = 1, rowLine = 1, at = 0;

  function refuse(what: string): never {
    throw new Failure("data", `Cannot read "${path}": line ${line} has ${what}`);
  }
  function readQuoted(): string {
    let cell = "";
    const opened = line;
    for (at++;; at++) {
      const mark = source[at];
      if (mark === undefined) {
        line = opened;
        refuse("a quote that is never closed");
      }
      if (mark === "\n") line++;
      if (mark !== '"') cell += mark;
      else if (source[at + 1] === '"') cell += source[at++];
      else break;
    }
    at++;
    if (source[at] === "\r" && source[at + 1] === "\n") at++;
    if (at < source.length && source[at] !== delimiter && source[at] !== "\n") {
      refuse("text after a closing quote");
    }
    return cell;
  }
  function readPlain(): string {
    const start = at;
    while (at < source.length && source[at] !== delimiter && source[at] !== "\n") at++;
    return source.slice(start, at).trim();
  }

  while (at < source.length) {
    cells.push(source[at] === '"' ? readQuoted() : readPlain());
    if (source[at] === delimiter) {
      at++;
      if (at < source.length) continue;
      cells.push("");
    }
    if (cells.length > 1 || cells[0] !== "") rows.push({ line: rowLine, cells });
    cells = [];
    at++;
    rowLine = ++line;
  }
  return rows;
}
