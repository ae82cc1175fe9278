/** Writes checkpoints atomically, and verifies what was written. */
import { join } from "node:path";
import type * as v from "valibot";
import { Failure } from "../failure.ts";
import { outputFailure, sha256File, syncEntry, syncPath } from "../files/mod.ts";
import { writeSafetensors } from "../formats/safetensors.ts";
import type { TensorRecord } from "../tensor.ts";
import { removeLeftovers } from "./checkpoint_removal.ts";
import {
  type Checkpoint,
  checkpointName,
  checkpointsPath,
  DAMAGED,
  RECORD_FILE,
  STATE_FILE,
  type STATE_RECORD,
} from "./checkpoints.ts";

/** Renames a damaged checkpoint, so that its step can be written anew and the user can inspect it. */
export async function setAside({ path, step }: Checkpoint): Promise<string> {
  const name = join(path, "..", DAMAGED + checkpointName(step));
  for (let number = 1;; number++) {
    const target = number === 1 ? name : `${name}-${number}`;
    if (await Deno.lstat(target).then(() => true, () => false)) continue;
    await Deno.rename(path, target);
    return target;
  }
}

/** A new directory to write a checkpoint in. Leftovers of another user's process may never be removable. */
async function makeTemporary(directory: string, step: number): Promise<string> {
  for (let number = 1;; number++) {
    const suffix = number === 1 ? "" : `-${number}`;
    const path = join(directory, `.${checkpointName(step)}.tmp${suffix}`);
    try {
      await Deno.mkdir(path);
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** The content of a checkpoint. */
export interface CheckpointContent {
  /** Steps done. */
  readonly step: number;
  readonly tensors: TensorRecord;
  /** The values that identify the run, by name: see `decisiveValues()`. */
  readonly values?: ReadonlyMap<string, string>;
}

async function writeFiles(
  directory: string,
  { step, tensors, values }: CheckpointContent,
): Promise<void> {
  const state = join(directory, STATE_FILE);
  const written = await writeSafetensors(state, tensors, { format: "pt", step: String(step) });
  const got = await sha256File(state);
  if (got !== written.sha256) {
    throw new Failure(
      "output",
      `Cannot write "${state}": the disk gives back other bytes than were written, check the disk`,
    );
  }
  const record: v.InferOutput<typeof STATE_RECORD> = {
    format: "ijepa-checkpoint",
    version: 1,
    step,
    tensors: Object.keys(tensors).length,
    ...written,
    ...values === undefined ? {} : { values: Object.fromEntries(values) },
  };
  await Deno.writeTextFile(join(directory, RECORD_FILE), JSON.stringify(record, null, 2) + "\n");
  await syncPath(directory);
}

/**
 * Writes a checkpoint atomically: to a temporary sibling, forced to the disk, read back, then renamed.
 *
 * @throws {Failure} `output`: disk full, not writable, or the disk returns other bytes
 */
export async function writeCheckpoint(
  run: string,
  state: CheckpointContent,
): Promise<Checkpoint> {
  const { step } = state, directory = checkpointsPath(run);
  const path = join(directory, checkpointName(step));
  try {
    await Deno.mkdir(directory, { recursive: true });
    const temporary = await makeTemporary(directory, step);
    await writeFiles(temporary, state);
    await Deno.rename(temporary, path);
    await syncEntry(directory);
    return { step, path };
  } catch (error) {
    await removeLeftovers(run, () => {}).catch(() => {});
    throw outputFailure(path, error);
  }
}

/**
 * Checks before the work that checkpoints can be written.
 *
 * @throws {Failure} `output`: not writable, disk full, a name too long
 */
export async function tryToWrite(run: string): Promise<void> {
  const directory = checkpointsPath(run);
  try {
    await Deno.mkdir(directory, { recursive: true });
    const temporary = await makeTemporary(directory, 0);
    await writeFiles(temporary, { step: 0, tensors: {} });
  } catch (error) {
    throw outputFailure(directory, error);
  } finally {
    await removeLeftovers(run, () => {}).catch(() => {});
  }
  await syncEntry(run);
}
