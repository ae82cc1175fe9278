/** The run directory while a process trains in it. */
import { join } from "node:path";
import { Failure } from "../failure.ts";
import {
  holdLock,
  outputFailure,
  systemCode,
  systemReason,
  writeFileAtomically,
} from "../files/mod.ts";
import type { TensorRecord } from "../tensor.ts";
import {
  LEFTOVER,
  type OnStuck,
  removeLeftovers,
  removeOldCheckpoints,
  type Retention,
} from "./checkpoint_removal.ts";
import { setAside, tryToWrite, writeCheckpoint } from "./checkpoint_writing.ts";
import { type Checkpoint, checkpointsPath, latestCheckpoint, namesIn } from "./checkpoints.ts";
import { expectOwnEntries, expectRunOrNone, LOCK_FILE, removeTemporaries } from "./entries.ts";
import { EventsFile } from "./events.ts";
import { hasReceipt } from "./finish.ts";
import { METRICS_FILE, MetricsFile, type MetricsLine } from "./metrics.ts";
import {
  CONFIG_FILE,
  type DecisiveValues,
  decisiveValues,
  expectSameRun,
  type ReadRun,
  readWithDefaults,
  type RunRecord,
} from "./record.ts";

/** How a run directory is opened for training. */
export interface RunOptions {
  readonly record: RunRecord;
  readonly retention: Retention;
  /** Length of the run. */
  readonly steps: number;
  /** Receives sentences for the user: a damaged checkpoint, missing metrics, something that cannot be removed. */
  say(text: string): void;
}

/** Why a path cannot become a directory. */
async function inTheWay(path: string): Promise<Failure | undefined> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (info === undefined) return undefined;
  const what = info.isSymlink ? "a link that leads to no directory" : "a file";
  return new Failure("output", `Cannot write the run "${path}": it is ${what}, give another --out`);
}

/** Creates the directory, or checks that it is a run or may become one. Changes nothing in it. */
async function prepare(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw await inTheWay(path) ?? outputFailure(path, error);
  }
  try {
    await expectOwnEntries(path);
    await expectRunOrNone(path);
  } catch (error) {
    throw outputFailure(path, error);
  }
}

/** Error codes of read-only paths. */
const READ_ONLY_CODES = ["EACCES", "EPERM", "EROFS"];

/** Takes the lock of a run; an unfinished read-only run gets a message of its own. */
async function lockRun(
  path: string,
  say: (text: string) => void,
): Promise<AsyncDisposable> {
  try {
    return await holdLock(join(path, LOCK_FILE), path, {
      removeAfter: () => true,
      say,
      async prepare(former = "") {
        await removeTemporaries(path, former);
        return "";
      },
    });
  } catch (error) {
    const { cause } = error as Error;
    const isRun = await Deno.stat(join(path, CONFIG_FILE)).then(() => true, () => false);
    if (!isRun || !READ_ONLY_CODES.includes(systemCode(cause) ?? "")) throw error;
    throw new Failure(
      "output",
      `Cannot go on with "${path}": the run is not finished, and its directory is not writable ` +
        `(${systemReason(path, cause)}), change its permissions or give a copy of it as --out`,
      { cause },
    );
  }
}

/** A run directory that this process trains in, exclusively until it is disposed. */
export class RunDirectory implements AsyncDisposable {
  readonly path: string;
  /** The newest valid checkpoint when the directory was opened; none: the run starts at step 0. */
  readonly checkpoint: Checkpoint | undefined;
  readonly #retention: Retention;
  readonly #values: DecisiveValues;
  readonly #metrics: MetricsFile;
  readonly #events: EventsFile;
  readonly #lock: AsyncDisposable;
  readonly #onStuck: OnStuck;

  private constructor(
    path: string,
    parts: {
      readonly checkpoint: Checkpoint | undefined;
      readonly retention: Retention;
      readonly values: DecisiveValues;
      readonly metrics: MetricsFile;
      readonly lock: AsyncDisposable;
      readonly onStuck: OnStuck;
    },
  ) {
    this.path = path;
    this.checkpoint = parts.checkpoint;
    this.#retention = parts.retention;
    this.#values = parts.values;
    this.#metrics = parts.metrics;
    this.#events = new EventsFile(path);
    this.#lock = parts.lock;
    this.#onStuck = parts.onStuck;
  }

  /**
   * Opens or creates a run directory and finds the checkpoint to resume from. Newer damaged checkpoints are reported
   * and renamed; metrics of steps that will be repeated are removed.
   *
   * @throws {Failure} `output`: locked, not writable, not a run, or a run of another configuration; `data`: none of its
   * checkpoints is valid
   */
  static async open(path: string, options: RunOptions): Promise<RunDirectory> {
    await prepare(path);
    const lock = await lockRun(path, options.say);
    try {
      return await RunDirectory.#openLocked(path, { ...options, lock });
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw outputFailure(path, error);
    }
  }

  static async #openLocked(
    path: string,
    { record, retention, steps, say, lock }: RunOptions & { readonly lock: AsyncDisposable },
  ): Promise<RunDirectory> {
    await hasReceipt(path, steps); // Before the work, since a foreign receipt is refused.
    await settleRecord(path, record, say);
    const onStuck = sayingOnce(say);
    const checkpoint = await latestCheckpoint(path, async (damaged, failure) => {
      const aside = await setAside(damaged);
      say(`${failure.message}: renamed to "${aside}", going on from the one before`);
    });
    const firstStep = checkpoint?.step ?? 0;
    if (firstStep > steps) {
      throw new Failure(
        "data",
        `Cannot go on with "${path}": "${checkpoint!.path}" is beyond the end of the run, ` +
          `wanted at most step ${steps}, move it away`,
      );
    }
    // Removals that a process killed after its last checkpoint had left.
    await removeOldCheckpoints(path, retention, onStuck);
    if (firstStep < steps) await tryToWrite(path);
    const metrics = await MetricsFile.open(join(path, METRICS_FILE), firstStep);
    if (metrics.kept < firstStep) {
      say(`${METRICS_FILE} holds ${metrics.kept} of the ${firstStep} steps done, the rest is lost`);
    }
    const values = decisiveValues(record);
    return new RunDirectory(path, { checkpoint, retention, values, metrics, lock, onStuck });
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
   * Writes a checkpoint, after syncing the metrics of its steps, and removes those that are no longer kept. One that
   * cannot be removed is reported once, and tried again at the next checkpoint.
   *
   * @param state `step`: steps done
   * @throws {Failure} `output`: disk full or not writable; the checkpoints before it are untouched
   */
  async writeCheckpoint(
    state: { readonly step: number; readonly tensors: TensorRecord },
  ): Promise<Checkpoint> {
    try {
      await this.#metrics.sync();
      await this.#events.sync();
    } catch (error) {
      throw outputFailure(this.path, error);
    }
    const checkpoint = await writeCheckpoint(this.path, { ...state, values: this.#values });
    await removeOldCheckpoints(this.path, this.#retention, this.#onStuck);
    return checkpoint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#metrics[Symbol.dispose]();
    this.#events[Symbol.dispose]();
    await this.#lock[Symbol.asyncDispose]();
  }
}

/**
 * Removes leftovers from a finished run whose process was killed, or could not remove them. What cannot be removed
 * stays: nothing depends on it.
 */
export async function clearUpRun(path: string): Promise<void> {
  const isLocked = await Deno.lstat(join(path, LOCK_FILE)).then(() => true, () => false);
  const names = await namesIn(checkpointsPath(path)).catch(() => []);
  if (!isLocked && !names.some((name) => LEFTOVER.test(name))) return;
  try {
    await expectOwnEntries(path);
    await using _lock = await lockRun(path, () => {});
    await removeLeftovers(path, () => {});
  } catch {
    // Read-only, or in use.
  }
}

/** Reports once for each path why it cannot be removed. */
function sayingOnce(say: (text: string) => void): OnStuck {
  const said = new Set<string>();
  return (path, reason) => {
    if (said.has(path)) return;
    said.add(path);
    say(
      `cannot remove the old checkpoint "${path}": ${reason}, trying again at the next checkpoint`,
    );
  };
}

/**
 * Compares the configuration with the run's record, or writes the record. The runtime in it stays; settings that may
 * change, such as how many checkpoints are kept, are updated.
 */
async function settleRecord(
  path: string,
  record: RunRecord,
  say: (text: string) => void,
): Promise<void> {
  const known = await Deno.stat(join(path, CONFIG_FILE)).then(() => true, () => false);
  const former = known ? await readWithDefaults(path) : undefined;
  if (former !== undefined) {
    expectSameRun(path, former.record, record);
    reportChanges(former, record, say);
  }
  const merged = { ...record, ...former?.record, config: record.config, origins: record.origins };
  if (former?.filled.length === 0 && JSON.stringify(former.record) === JSON.stringify(merged)) {
    return;
  }
  await writeFileAtomically(join(path, CONFIG_FILE), JSON.stringify(merged, null, 2) + "\n");
}

/** Reports differences from the start of the run that are allowed. */
function reportChanges(
  { record: former, filled }: ReadRun,
  record: RunRecord,
  say: (text: string) => void,
): void {
  if (filled.length > 0) {
    say(
      `the run was begun by version "${former.tool}", which did not know ${filled.join(", ")}: ` +
        "taken as the default",
    );
  }
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
