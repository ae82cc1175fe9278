/** The TensorBoard files of a run. */
import { join } from "node:path";
import { syncFile, writeAllSync } from "../files/mod.ts";
import {
  eventsFileName,
  scalarsRecord,
  secondsOfEventsFile,
  startRecord,
  versionRecord,
} from "../formats/tfevents.ts";
import { MONITOR_ROWS, type MonitorName } from "../training/monitors.ts";
import type { MetricsLine } from "./metrics.ts";

/** Name of the folder for TensorBoard inside a run directory. */
export const EVENTS_FOLDER = "tensorboard";

/** The monitors that TensorBoard shows, by their names there. */
export const TAGS: readonly (readonly [tag: string, name: MonitorName])[] = MONITOR_ROWS
  .flatMap(([name, { tag }]) => tag === undefined ? [] : [[tag, name] as const]);

/** In place of the host name, which a stage has no permission to read. */
const HOST = "ijepa";

/** Names have ten digits; larger numbers come from no clock. */
const LAST_SECONDS = 9_999_999_998;

/** Later than those of all existing files, so that the names sort in the order of writing. */
function nextSeconds(folder: string): number {
  const taken = [...Deno.readDirSync(folder)].map(({ name }) => secondsOfEventsFile(name) ?? 0);
  return taken.filter((seconds) => seconds <= LAST_SECONDS)
    .reduce((next, seconds) => Math.max(next, seconds + 1), Math.floor(Date.now() / 1000));
}

/**
 * Writes the metrics of a run for TensorBoard. Each process creates a file of its own at its first step, so one without
 * steps creates none.
 */
export class EventsFile implements Disposable {
  /** The folder of the files. */
  readonly path: string;
  #file: Deno.FsFile | undefined;

  /** @param run the run directory */
  constructor(run: string) {
    this.path = join(run, EVENTS_FOLDER);
  }

  #open(step: number): Deno.FsFile {
    Deno.mkdirSync(this.path, { recursive: true });
    const name = eventsFileName(nextSeconds(this.path), HOST, Deno.pid);
    this.#file = Deno.openSync(join(this.path, name), { write: true, createNew: true });
    const now = Date.now() / 1000;
    writeAllSync(this.#file, versionRecord(now));
    writeAllSync(this.#file, startRecord(now, step));
    return this.#file;
  }

  /** Adds one step. It is written at once, so that TensorBoard shows it during the run. */
  append(line: MetricsLine): void {
    const values = Object.fromEntries(
      TAGS.flatMap(([tag, name]) => line[name] === undefined ? [] : [[tag, line[name]]]),
    );
    const file = this.#file ?? this.#open(line.step);
    writeAllSync(file, scalarsRecord(Date.now() / 1000, line.step, values));
  }

  /** Forces all steps to the disk. */
  async sync(): Promise<void> {
    if (this.#file !== undefined) await syncFile(this.#file);
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }
}
