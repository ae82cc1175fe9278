/** Removes old and unfinished checkpoints. */
import { join } from "node:path";
import { messageOf } from "../failure.ts";
import { systemCode, systemReason } from "../files/mod.ts";
import {
  type Checkpoint,
  checkpointName,
  checkpointsPath,
  listCheckpoints,
  namesIn,
  RECORD_FILE,
  STATE_FILE,
} from "./checkpoints.ts";

/** Which checkpoints are kept after a new one. */
export interface Retention {
  /** Newest checkpoints to keep, the last one included. */
  readonly keepLast: number;
  /** Besides those, every step that is a multiple of `keepEvery * checkpointSteps`; 0 for none. */
  readonly keepEvery: number;
  /** Steps between checkpoints. */
  readonly checkpointSteps: number;
}

/** Receives the path of what cannot be removed, and why. The run goes on, since nothing depends on it. */
export type OnStuck = (path: string, reason: string) => void;

/** Names of partly written or partly removed checkpoints. */
export const LEFTOVER = /^\.step-\d{8,}\.(?:tmp|old)(?:-\d+)?$/;

const FILES = [STATE_FILE, RECORD_FILE];

function othersIn(names: readonly string[]): string | undefined {
  const others = names.filter((name) => !FILES.includes(name));
  return others.length === 0 ? undefined : `it holds "${others.join('", "')}" too`;
}

/** Removes the files of a checkpoint, and its directory if that is empty then. Links are not followed. */
async function removeOwnFiles(path: string): Promise<void> {
  for (const name of FILES) {
    await Deno.remove(join(path, name)).catch((error) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }
  await Deno.remove(path);
}

/** Runs an action on a checkpoint's directory; reports what prevents it. */
async function attempt(
  path: string,
  onStuck: OnStuck,
  work: () => Promise<void>,
): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isDirectory) await work();
    else onStuck(path, "it is no directory");
  } catch (error) {
    const others = othersIn(await namesIn(path).catch(() => []));
    onStuck(path, others ?? systemReason(path, error) ?? messageOf(error));
  }
}

/** Removes partly written or removed checkpoints of a killed process. Only under the run's lock. */
export async function removeLeftovers(run: string, onStuck: OnStuck): Promise<void> {
  const directory = checkpointsPath(run);
  for (const name of (await namesIn(directory)).filter((name) => LEFTOVER.test(name))) {
    const path = join(directory, name);
    await attempt(path, onStuck, () => removeOwnFiles(path));
  }
}

/** The steps that stay: the newest, others of the regular rhythm up to `keepLast` in all, and every Mth. */
export function stepsToKeep(steps: readonly number[], retention: Retention): Set<number> {
  const { keepLast, keepEvery, checkpointSteps } = retention;
  const newest = Math.max(...steps);
  const regular = steps.filter((step) => step === newest || step % checkpointSteps === 0);
  const last = regular.sort((a, b) => b - a).slice(0, keepLast);
  const every = steps.filter((step) => keepEvery > 0 && step % (keepEvery * checkpointSteps) === 0);
  return new Set([...last, ...every]);
}

/**
 * Renames a checkpoint before its removal: a process killed in between must not leave what looks like a damaged
 * checkpoint. One with foreign files is kept whole.
 */
async function condemn({ path, step }: Checkpoint, onStuck: OnStuck): Promise<void> {
  const others = othersIn(await namesIn(path));
  if (others !== undefined) return onStuck(path, others);
  await Deno.rename(path, join(path, "..", `.${checkpointName(step)}.old`));
}

/**
 * Removes checkpoints that are no longer kept. One between the regular steps, written at a stop signal, is removed
 * after a newer one, so that a stopped run ends with the same files as an uninterrupted one.
 */
export async function removeOldCheckpoints(
  run: string,
  retention: Retention,
  onStuck: OnStuck,
): Promise<void> {
  const all = await listCheckpoints(run);
  const kept = stepsToKeep(all.map(({ step }) => step), retention);
  for (const checkpoint of all) {
    if (kept.has(checkpoint.step)) continue;
    await attempt(checkpoint.path, onStuck, () => condemn(checkpoint, onStuck));
  }
  await removeLeftovers(run, onStuck);
}
