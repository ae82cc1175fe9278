/** What a run's own files say about where its time went. */
import { join } from "node:path";
import { EVENTS_FOLDER, METRICS_FILE, type MetricsLine } from "../../lib/run/mod.ts";

/** The times of a run from its first step to the end of its process, seconds. */
export interface RunClock {
  /** Wall clock, since 1970. */
  readonly processStart: number;
  readonly processEnd: number;
  /** When each step was recorded, since 1970; whatever happens between steps lies between these. */
  readonly recorded: readonly number[];
  /** How long each step took by its own account. */
  readonly steps: readonly number[];
  /** How much of it went by waiting for images. */
  readonly waits: readonly number[];
}

/** Bytes of a record beside its payload: length and checksum before, checksum behind. */
const BEFORE = 12, BEHIND = 4;
/** The version of the file and the start of the writing go before the steps. */
const HEAD_RECORDS = 2;

/**
 * When each step of an events file was written, seconds since 1970. The time is the first field of every record: a key
 * of one byte, then a double.
 */
export function recordTimes(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const times: number[] = [];
  for (let at = 0; at < bytes.length;) {
    times.push(view.getFloat64(at + BEFORE + 1, true));
    at += BEFORE + Number(view.getBigUint64(at, true)) + BEHIND;
  }
  return times.slice(HEAD_RECORDS);
}

/** Reads the times of a run that one process has done from the first step to the last. */
export async function readClock(
  run: string,
  { processStart, processEnd }: Pick<RunClock, "processStart" | "processEnd">,
): Promise<RunClock> {
  const text = await Deno.readTextFile(join(run, METRICS_FILE));
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line) as MetricsLine);
  const folder = join(run, EVENTS_FOLDER);
  const [events] = await Array.fromAsync(Deno.readDir(folder));
  return {
    processStart,
    processEnd,
    recorded: recordTimes(await Deno.readFile(join(folder, events!.name))),
    steps: lines.map(({ seconds }) => seconds),
    waits: lines.map(({ seconds, data_wait_fraction }) => seconds * data_wait_fraction),
  };
}
