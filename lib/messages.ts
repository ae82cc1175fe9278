/** What people read on stderr: escaped, limited in length, and never a reason for the work to end. */
import { forTerminal, shorten } from "./foreign_text.ts";

/** A sentence names an action, a path or two and what to do; more than this is foreign text that never ends. */
const LONGEST_MESSAGE = 2000;
/** Rows of a table may be wide: their cells are limited where the table is made. */
const LONGEST_LINE = 20_000;

const ENCODER = new TextEncoder();

/**
 * Writes to stderr as it is. A terminal that has gone (EIO), a pipe whose reader has ended (EPIPE) and a full disk
 * (ENOSPC) are passed over: nobody is there to read about them.
 */
export function writeStderr(text: string): void {
  try {
    for (let rest = ENCODER.encode(text); rest.length > 0;) {
      rest = rest.subarray(Deno.stderr.writeSync(rest));
    }
  } catch {
    // See above.
  }
}

/** Prints a message of a stage on stderr: one line, whatever names are in it. */
export function printMessage(stage: string, text: string): void {
  writeStderr(`${stage}: ${shorten(forTerminal(text), LONGEST_MESSAGE)}\n`);
}

/** Prints text of several lines that are ours, such as a table, on stderr. Names in it must not hold line breaks. */
export function printLines(text: string): void {
  for (const line of text.split("\n")) {
    writeStderr(shorten(forTerminal(line), LONGEST_LINE) + "\n");
  }
}
