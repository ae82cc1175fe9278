/** Messages on stderr: escaped, limited in length; failing to write them never ends the work. */
import { writeAllSync } from "./files/mod.ts";
import { forTerminal, shorten } from "./foreign_text.ts";

/** A sentence names an action, a path or two and what to do; anything longer contains foreign text. */
const LONGEST_MESSAGE = 2000;
/** Rows of a table may be wide: their cells are limited where the table is made. */
const LONGEST_LINE = 20_000;

const ENCODER = new TextEncoder();

/**
 * Writes to stderr as it is. A terminal that has gone (EIO), a pipe whose reader has ended (EPIPE) and a full disk
 * (ENOSPC) are ignored: there is no reader.
 */
export function writeStderr(text: string): void {
  try {
    writeAllSync(Deno.stderr, ENCODER.encode(text));
  } catch {
    // See above.
  }
}

/** Prints a message of a stage on stderr: one line, even if names in it contain line breaks. */
export function printMessage(stage: string, text: string): void {
  writeStderr(`${stage}: ${shorten(forTerminal(text), LONGEST_MESSAGE)}\n`);
}

/** Prints own text of several lines, such as a table, on stderr. Names in it must not hold line breaks. */
export function printLines(text: string): void {
  for (const line of text.split("\n")) {
    writeStderr(shorten(forTerminal(line), LONGEST_LINE) + "\n");
  }
}
