/** Reads `metrics.jsonl`, and tolerates damaged lines. */
import * as v from "valibot";
import { openInput } from "../files/mod.ts";
import { parseJson } from "../json.ts";
import { MONITOR_ROWS } from "../training/monitors.ts";

const COLUMN = v.nullish(v.number());

/** A line must have its step and loss. Other columns are optional numbers: earlier versions had fewer. */
const LINE = v.looseObject({
  ...Object.fromEntries(MONITOR_ROWS.map(([name]) => [name, COLUMN])),
  step: v.pipe(v.number(), v.safeInteger("a whole number"), v.minValue(0)),
  loss: v.number(),
});

/** Longer lines are invalid. */
const LONGEST_LINE_BYTES = 2 ** 16;
const PIECE_BYTES = 2 ** 20;
const NEWLINE = 10;

/** A usable line of a file of metrics, with its position. */
export interface MetricsEntry {
  readonly step: number;
  readonly loss: number;
  /** Its first byte, and the one after its last; a newline is not counted. */
  readonly start: number;
  readonly end: number;
}

/** The lines of a file from a byte on, read in pieces. Of an overlong line only the beginning. */
async function* linesOf(
  file: Deno.FsFile,
  from: number,
): AsyncGenerator<{ readonly start: number; readonly bytes: Uint8Array }> {
  await file.seek(from, Deno.SeekMode.Start);
  const piece = new Uint8Array(PIECE_BYTES), line = new Uint8Array(LONGEST_LINE_BYTES + 1);
  let start = from, at = from, length = 0;
  for (let count = await file.read(piece); count !== null; count = await file.read(piece)) {
    const read = piece.subarray(0, count);
    for (let begin = 0; begin < count;) {
      const newline = read.indexOf(NEWLINE, begin);
      const part = read.subarray(begin, newline < 0 ? count : newline);
      const taken = part.subarray(0, line.length - length);
      line.set(taken, length);
      length += taken.length;
      begin += part.length + 1;
      if (newline < 0) break;
      yield { start, bytes: line.subarray(0, length) };
      start = at + begin;
      length = 0;
    }
    at += count;
  }
  if (length > 0) yield { start, bytes: line.subarray(0, length) };
}

/**
 * The usable lines of a file from a byte on. Others are skipped: truncated or changed ones, zeros after a power cut.
 */
export async function* metricsEntries(file: Deno.FsFile, from = 0): AsyncGenerator<MetricsEntry> {
  const decoder = new TextDecoder();
  for await (const { start, bytes } of linesOf(file, from)) {
    if (bytes.length > LONGEST_LINE_BYTES) continue;
    try {
      const { step, loss } = parseJson(decoder.decode(bytes), LINE);
      yield { step, loss, start, end: start + bytes.length };
    } catch {
      // Skips this line only.
    }
  }
}

/** The longest subsequence with rising steps: a garbled step loses its own line only, however large the number. */
export function longestRise(entries: readonly MetricsEntry[]): MetricsEntry[] {
  // `ends[n]` is the entry with which a rise of n + 1 entries ends at the lowest step so far.
  const ends: number[] = [], before: number[] = [];
  for (const [index, { step }] of entries.entries()) {
    let low = 0, high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries[ends[middle]!]!.step < step) low = middle + 1;
      else high = middle;
    }
    before[index] = ends[low - 1] ?? -1;
    ends[low] = index;
  }
  const rise: MetricsEntry[] = [];
  for (let index = ends.at(-1) ?? -1; index >= 0; index = before[index]!) {
    rise.push(entries[index]!);
  }
  return rise.reverse();
}

/**
 * The loss that a file has for a step near its end; `undefined` without such a line or file.
 *
 * @throws {Failure} `missing`: it cannot be read
 */
export async function lossOfLastStep(path: string, step: number): Promise<number | undefined> {
  let loss: number | undefined;
  try {
    using file = await openInput(path);
    const { size } = await file.stat();
    for await (const entry of metricsEntries(file, Math.max(0, size - LONGEST_LINE_BYTES))) {
      if (entry.step === step) loss = entry.loss;
    }
  } catch (error) {
    if (!((error as Error).cause instanceof Deno.errors.NotFound)) throw error;
  }
  return loss;
}
