/** `metrics.jsonl`: its columns and its writer. */
import { readFully, syncFile, writeAllSync, writeFileAtomically } from "../files/mod.ts";
import type { StepReport } from "../training/loop.ts";
import { MONITOR_ROWS, type MonitorName } from "../training/monitors.ts";
import { longestRise, metricsEntries, type MetricsEntry } from "./metrics_lines.ts";

/** The record of one step, with the names in the file. */
export type MetricsLine = StepReport;

/** The record of a step: its monitors in the order of their table, with the digits that files have. */
export function metricsLineOf(report: StepReport): MetricsLine {
  const columns = MONITOR_ROWS.flatMap(([name, { digits }]) => {
    const value = report[name];
    if (value === undefined) return [];
    return [[name, digits === undefined ? value : Number(value.toPrecision(digits))]];
  });
  return { step: report.step, ...Object.fromEntries(columns) };
}

/** Columns that differ from run to run. All others are equal when a run is repeated or killed and resumed. */
export const WALL_CLOCK_COLUMNS: readonly MonitorName[] = MONITOR_ROWS
  .flatMap(([name, { wallClock }]) => wallClock ? [name] : []);

/** Name of the file inside a run directory: one JSON object per line and step. */
export const METRICS_FILE = "metrics.jsonl";

const NEWLINE = 10;

/** The lines of steps before `endStep`, in the order of the file. */
async function usableEntries(file: Deno.FsFile, endStep: number): Promise<MetricsEntry[]> {
  const entries: MetricsEntry[] = [];
  for await (const entry of metricsEntries(file)) {
    if (entry.step < endStep) entries.push(entry);
  }
  return longestRise(entries);
}

/** The text of the lines alone. */
async function textOf(
  file: Deno.FsFile,
  { entries, bytes }: { readonly entries: readonly MetricsEntry[]; readonly bytes: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const text = new Uint8Array(bytes).fill(NEWLINE);
  let at = 0;
  for (const { start, end } of entries) {
    await readFully(file, text.subarray(at, at + end - start), start);
    at += end - start + 1;
  }
  return text;
}

/**
 * Keeps only the usable lines of steps before `endStep`. Truncates what follows them; a file with bad lines between
 * them, or with a second hard link (a snapshot), is replaced by a new one.
 *
 * @returns how many lines are kept
 */
async function keepLines(path: string, endStep: number): Promise<number> {
  using file = await Deno.open(path, { read: true, write: true, create: true });
  const entries = await usableEntries(file, endStep);
  const bytes = (entries.at(-1)?.end ?? -1) + 1;
  const isGapless = entries.every(({ start }, index) =>
    start === (entries[index - 1]?.end ?? -1) + 1
  );
  const { size, nlink } = await file.stat();
  if (!isGapless || bytes > size || (nlink ?? 1) > 1) {
    const wanted = entries.reduce((sum, { start, end }) => sum + end - start + 1, 0);
    await writeFileAtomically(path, await textOf(file, { entries, bytes: wanted }));
  } else if (bytes < size) await file.truncate(bytes); // Otherwise keeps the file's time.
  return entries.length;
}

/** Writes the metrics of a run. */
export class MetricsFile implements Disposable {
  readonly #file: Deno.FsFile;
  /** Lines of earlier parts of the run. */
  readonly kept: number;

  private constructor(file: Deno.FsFile, kept: number) {
    this.#file = file;
    this.kept = kept;
  }

  /**
   * Opens the file for the steps from `firstStep` on. Removes lines of later steps, which a killed process wrote after
   * its last checkpoint, and invalid lines; all others stay, byte for byte.
   */
  static async open(path: string, firstStep: number): Promise<MetricsFile> {
    const kept = await keepLines(path, firstStep);
    return new MetricsFile(await Deno.open(path, { append: true }), kept);
  }

  /** Adds one line. It is written at once, so a killed process loses none. */
  append(line: MetricsLine): void {
    writeAllSync(this.#file, new TextEncoder().encode(JSON.stringify(line) + "\n"));
  }

  /** Forces all lines to the disk. */
  async sync(): Promise<void> {
    await syncFile(this.#file);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
