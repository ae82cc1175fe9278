import { forTerminal, shorten } from "../foreign_text.ts";

/** A sentence names an action, a path or two and what to do; more than this is foreign text that never ends. */
const LONGEST_MESSAGE = 2000;
/** Rows of a table may be wide: their cells are limited where the table is made. */
const LONGEST_LINE = 20_000;

/** Prints a message of a stage on stderr: one line, whatever names are in it. */
export function printMessage(stage: string, text: string): void {
  console.error(`${stage}: ${shorten(forTerminal(text), LONGEST_MESSAGE)}`);
}

/** Prints text of several lines that are ours, such as a table, on stderr. Names in it must not hold line breaks. */
export function printLines(text: string): void {
  for (const line of text.split("\n")) console.error(shorten(forTerminal(line), LONGEST_LINE));
}
