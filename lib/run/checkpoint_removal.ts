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

/** Which checkpoints stay when a new one is there. */
export interface Retention {
  /** Newest checkpoints to keep, the last one included. */
  readonly keepLast: number;
  /** Besides those, every step that is a multiple of `keepEvery * checkpointSteps`; 0 for none. */
  readonly keepEvery: number;
  /** Steps between checkpoints. */
  readonly checkpointSteps: number;
}

/** Takes the path of what cannot be removed, and why. Nothing depends on it, so the run goes on. */
export type OnStuck = (path: string, reason: string) => void;

/** Names of checkpoints that are half written or half removed. */
export const LEFTOVER = /^\.step-\d{8,}\.(?:tmp|old)(?:-\d+)?$/;

const FILES = [STATE_FILE, RECORD_FILE];

function othersIn(names: readonly string[]): string | undefined {
  const others = names.filter((name) => !FILES.includes(name));
  return others.length === 0 ? undefined : `it holds "${others.join('", "')}" too`;
}

/** The directory of a checkpoint without its own files, if nothing else is in it. Links are not followed. */
async function removeOwnFiles(path: string): Promise<void> {
  for (const name of FILES) {
    await Deno.remove(join(path, name)).catch((error) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }
  await Deno.remove(path);
}

/** Does something to a checkpoint's directory; what is in the way is said. */
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

/** Removes what a killed process has left half-written or half-removed. Only under the run's lock. */
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
 * Takes the name from a checkpoint, after which it is a leftover: a process killed while its files go must not leave
 * something that looks like a damaged checkpoint. One with other files in it keeps everything.
 */
async function condemn({ path, step }: Checkpoint, onStuck: OnStuck): Promise<void> {
  const others = othersIn(await namesIn(path));
  if (others !== undefined) return onStuck(path, others);
  await Deno.rename(path, join(path, "..", `.${checkpointName(step)}.old`));
}

/**
 * Removes checkpoints that are no longer kept. One that a stop signal has left between the regular steps goes as soon
 * as a newer one is there, so that a stopped run ends with the same files as one that was never stopped.
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
