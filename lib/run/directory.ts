import { join } from "node:path";
import { Failure } from "../failure.ts";
import { holdLock, outputFailure, writeFileAtomically } from "../files/mod.ts";
import type { TensorRecord } from "../tensor.ts";
import {
  type Checkpoint,
  latestCheckpoint,
  removeLeftovers,
  removeOldCheckpoints,
  type Retention,
  setAside,
  writeCheckpoint,
} from "./checkpoints.ts";
import { EventsFile } from "./events.ts";
import { METRICS_FILE, MetricsFile, type MetricsLine } from "./metrics.ts";
import { CONFIG_FILE, expectSameRun, readRun, type RunRecord } from "./record.ts";

/** How a run directory is opened for training. */
export interface RunOptions {
  readonly record: RunRecord;
  readonly retention: Retention;
  /** Takes sentences for a person: a damaged checkpoint, missing metrics. */
  say(text: string): void;
}

const LOCK_FILE = ".lock";

/** Whether a directory entry is what a process that was killed early may have left. */
function isLeftover(name: string): boolean {
  return name === LOCK_FILE || name.startsWith(`${CONFIG_FILE}.tmp-`);
}

async function expectRunOrNothing(directory: string): Promise<void> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(directory)) names.push(entry.name);
  if (names.includes(CONFIG_FILE) || names.every(isLeftover)) return;
  throw new Failure(
    "output",
    `Cannot write the run "${directory}": the directory is not empty and not a run ` +
      `(it has no ${CONFIG_FILE}), give another --out`,
  );
}

/** A run directory that this process trains in; nobody else can, until it is disposed. */
export class RunDirectory implements AsyncDisposable {
  readonly path: string;
  /** The newest valid checkpoint when the directory was opened; none: the run starts at step 0. */
  readonly checkpoint: Checkpoint | undefined;
  readonly #retention: Retention;
  readonly #metrics: MetricsFile;
  readonly #events: EventsFile;
  readonly #lock: AsyncDisposable;

  private constructor(
    path: string,
    parts: {
      readonly checkpoint: Checkpoint | undefined;
      readonly retention: Retention;
      readonly metrics: MetricsFile;
      readonly lock: AsyncDisposable;
    },
  ) {
    this.path = path;
    this.checkpoint = parts.checkpoint;
    this.#retention = parts.retention;
    this.#metrics = parts.metrics;
    this.#events = new EventsFile(path);
    this.#lock = parts.lock;
  }

  /**
   * Opens or makes a run directory and finds the place to go on from. Damaged checkpoints newer than that are named
   * and set aside; metrics of steps that will be done again are cut off.
   *
   * @throws {Failure} `output`: locked, not writable, not a run, or a run of another configuration; `data`: it has
   * checkpoints, but none is valid
   */
  static async open(path: string, options: RunOptions): Promise<RunDirectory> {
    try {
      await Deno.mkdir(path, { recursive: true });
      await expectRunOrNothing(path);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) {
        throw new Failure(
          "output",
          `Cannot write the run "${path}": it is a file, give another --out`,
        );
      }
      throw outputFailure(path, error);
    }
    const lock = await holdLock(join(path, LOCK_FILE), path, { removeAfter: true });
    try {
      return await RunDirectory.#openLocked(path, { ...options, lock });
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw outputFailure(path, error);
    }
  }

  static async #openLocked(
    path: string,
    { record, retention, say, lock }: RunOptions & { readonly lock: AsyncDisposable },
  ): Promise<RunDirectory> {
    const known = await Deno.stat(join(path, CONFIG_FILE)).then(() => true, () => false);
    const former = known ? await readRun(path) : undefined;
    if (former !== undefined) expectSameRun(path, former, record);
    reportChanges(former, record, say);
    // What the run was started on stays; what may change, such as how many checkpoints are kept, is written anew.
    const merged = former === undefined
      ? record
      : { ...former, config: record.config, origins: record.origins };
    const text = JSON.stringify(merged, null, 2) + "\n";
    if (JSON.stringify(former, null, 2) + "\n" !== text) {
      await writeFileAtomically(join(path, CONFIG_FILE), text);
    }
    await removeLeftovers(path);
    const checkpoint = await latestCheckpoint(path, async (damaged, failure) => {
      const aside = await setAside(damaged);
      say(`${failure.message}: renamed to "${aside}", going on from the one before`);
    });
    const firstStep = checkpoint?.step ?? 0;
    const metrics = await MetricsFile.open(join(path, METRICS_FILE), firstStep);
    if (metrics.kept < firstStep) {
      say(`${METRICS_FILE} holds ${metrics.kept} of the ${firstStep} steps done, the rest is lost`);
    }
    return new RunDirectory(path, { checkpoint, retention, metrics, lock });
  }

  /** Records one step, also for TensorBoard. @throws {Failure} `output`: disk full */
  appendMetrics(line: MetricsLine): void {
    let path = join(this.path, METRICS_FILE);
    try {
      this.#metrics.append(line);
      path = this.#events.path;
      this.#events.append(line);
    } catch (error) {
      throw outputFailure(path, error);
    }
  }

  /**
   * Writes a checkpoint, after the metrics of its steps are safe, and removes those that are no longer kept.
   *
   * @param state `step`: steps done
   * @throws {Failure} `output`: disk full or not writable; the checkpoints before it are untouched
   */
  async writeCheckpoint(
    state: { readonly step: number; readonly tensors: TensorRecord },
  ): Promise<Checkpoint> {
    await this.#metrics.sync();
    await this.#events.sync();
    const checkpoint = await writeCheckpoint(this.path, state);
    await removeOldCheckpoints(this.path, this.#retention);
    return checkpoint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#metrics[Symbol.dispose]();
    this.#events[Symbol.dispose]();
    await this.#lock[Symbol.asyncDispose]();
  }
}

/** Tells what differs from the start of the run without being a reason to refuse. */
function reportChanges(
  former: RunRecord | undefined,
  record: RunRecord,
  say: (text: string) => void,
): void {
  if (former === undefined) return;
  for (
    const [what, there, here] of [
      ["tool version", former.tool, record.tool],
      ["runtime", former.runtime.description, record.runtime.description],
    ]
  ) {
    if (there === here) continue;
    say(
      `the run was started with ${what} "${there}", now "${here}": values may differ in the last digits`,
    );
  }
}
