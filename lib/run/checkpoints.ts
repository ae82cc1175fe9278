import { join } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { outputFailure, sha256File, syncPath } from "../files/mod.ts";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import type { TensorRecord } from "../tensor.ts";

/** One checkpoint of a run. */
export interface Checkpoint {
  /** Steps done. */
  readonly step: number;
  /** Its directory. */
  readonly path: string;
}

/** Shapes by tensor name. */
export type ShapeRecord = Readonly<Record<string, readonly number[]>>;

/** Which checkpoints stay when a new one is there. */
export interface Retention {
  /** Newest checkpoints to keep, the last one included. */
  readonly keepLast: number;
  /** Besides those, every step that is a multiple of `keepEvery * checkpointSteps`; 0 for none. */
  readonly keepEvery: number;
  /** Steps between checkpoints. */
  readonly checkpointSteps: number;
}

/** What `state.json` says about the `state.safetensors` beside it. */
interface StateRecord {
  readonly format: "ijepa-checkpoint";
  readonly version: 1;
  readonly step: number;
  readonly tensors: number;
  readonly bytes: number;
  readonly sha256: string;
}

const STATE_FILE = "state.safetensors";
const RECORD_FILE = "state.json";
const DAMAGED = "damaged-";
const NAME = /^step-(\d{8,})$/;

/** Where the checkpoints of a run lie. */
export function checkpointsPath(run: string): string {
  return join(run, "checkpoints");
}

/** `step-00000100` */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const names: string[] = [];
    for await (const entry of Deno.readDir(directory)) names.push(entry.name);
    return names.sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The file of a checkpoint that holds its tensors. */
export function stateFile({ path }: Checkpoint): string {
  return join(path, STATE_FILE);
}

/** The checkpoints of a run, oldest first, whether valid or not. */
export async function listCheckpoints(run: string): Promise<Checkpoint[]> {
  const directory = checkpointsPath(run);
  return (await namesIn(directory))
    .filter((name) => NAME.test(name))
    .map((name) => ({ step: Number(NAME.exec(name)![1]), path: join(directory, name) }))
    .sort((a, b) => a.step - b.step);
}

function invalid(path: string, what: string): Failure {
  return new Failure("data", `Cannot use the checkpoint "${path}": ${what}`);
}

async function readRecord({ step, path }: Checkpoint): Promise<StateRecord> {
  let record: Partial<StateRecord> | null;
  try {
    record = JSON.parse(await Deno.readTextFile(join(path, RECORD_FILE)));
  } catch (error) {
    throw invalid(path, `${RECORD_FILE} is not readable (${messageOf(error)})`);
  }
  if (record?.format !== "ijepa-checkpoint" || record.version !== 1) {
    throw invalid(path, `${RECORD_FILE} does not describe a checkpoint in version 1`);
  }
  if (record.step !== step) {
    throw invalid(path, `${RECORD_FILE} wants step ${step} by its name, got ${record.step}`);
  }
  return record as StateRecord;
}

/**
 * Compares a checkpoint with what was recorded when it was written.
 *
 * @throws {Failure} `data`: a file is missing, cut short or changed
 */
export async function verifyCheckpoint(checkpoint: Checkpoint): Promise<void> {
  const { path } = checkpoint;
  const { bytes, sha256 } = await readRecord(checkpoint);
  const state = join(path, STATE_FILE);
  const size = await Deno.stat(state).then((info) => info.size, () => undefined);
  if (size === undefined) throw invalid(path, `${STATE_FILE} is missing`);
  if (size !== bytes) {
    throw invalid(path, `${STATE_FILE} has the wrong length: wanted ${bytes} bytes, got ${size}`);
  }
  const got = await sha256File(state);
  if (got !== sha256) {
    throw invalid(path, `${STATE_FILE} was changed: wanted SHA-256 ${sha256}, got ${got}`);
  }
}

/** Fails unless the tensors are those wanted, each in its shape. */
function expectShapes(path: string, tensors: TensorRecord, shapes: ShapeRecord): void {
  for (const [name, shape] of Object.entries(shapes)) {
    const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
    if (tensor === undefined) throw invalid(path, `tensor "${name}" is missing`);
    if (tensor.dtype !== "float32" || tensor.shape.join() !== shape.join()) {
      throw invalid(
        path,
        `tensor "${name}" is ${tensor.dtype} [${tensor.shape.join(" ")}], ` +
          `wanted float32 [${shape.join(" ")}]`,
      );
    }
  }
  const extra = Object.keys(tensors).find((name) => !Object.hasOwn(shapes, name));
  if (extra !== undefined) throw invalid(path, `tensor "${extra}" does not belong to this model`);
}

/**
 * Loads a checkpoint that {@link latestCheckpoint} or {@link checkpointAt} has verified.
 *
 * @param options `shapes`: the tensors it must consist of; `wanted`: names to load, all by default
 * @throws {Failure} `data`: it is damaged, or a tensor is missing, extra or misshapen
 */
export async function readCheckpoint(
  { path }: Checkpoint,
  { shapes, wanted = () => true }: {
    readonly shapes?: ShapeRecord;
    readonly wanted?: (name: string) => boolean;
  } = {},
): Promise<TensorRecord> {
  const { tensors } = await readSafetensors(join(path, STATE_FILE), { wanted });
  if (shapes !== undefined) expectShapes(path, tensors, shapes);
  return tensors;
}

/**
 * The checkpoint of one step, verified.
 *
 * @throws {Failure} `missing`: no such step, with those that are there; `data`: it is damaged
 */
export async function checkpointAt(run: string, step: number): Promise<Checkpoint> {
  const all = await listCheckpoints(run);
  const found = all.find((checkpoint) => checkpoint.step === step);
  if (found === undefined) {
    const steps = all.map((checkpoint) => checkpoint.step).join(", ") || "none";
    throw new Failure(
      "missing",
      `Cannot open the run "${run}": it has no checkpoint of step ${step}, there are: ${steps}`,
    );
  }
  await verifyCheckpoint(found);
  return found;
}

/**
 * The newest valid checkpoint; damaged ones on the way to it are reported.
 *
 * @returns `undefined` when the run has no checkpoint at all
 * @throws {Failure} `data`: there are checkpoints, but none is valid
 */
export async function latestCheckpoint(
  run: string,
  onDamaged: (checkpoint: Checkpoint, failure: Failure) => void | Promise<void> = () => {},
): Promise<Checkpoint | undefined> {
  const damaged: [Checkpoint, Failure][] = [];
  const all = await listCheckpoints(run);
  for (const checkpoint of all.toReversed()) {
    try {
      await verifyCheckpoint(checkpoint);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      damaged.push([checkpoint, error]);
      continue;
    }
    for (const [former, failure] of damaged) await onDamaged(former, failure);
    return checkpoint;
  }
  const aside = (await namesIn(checkpointsPath(run))).filter((name) => name.startsWith(DAMAGED));
  if (all.length + aside.length === 0) return undefined;
  const [reason] = damaged.map(([, failure]) => failure.message);
  throw new Failure(
    "data",
    `Cannot go on with "${run}": none of its checkpoints is valid` +
      `${reason === undefined ? "" : ` (${reason})`}, ` +
      "restore one from a copy or give another --out to start from the beginning",
  );
}

/** Renames a damaged checkpoint, so that its step can be written anew and a person can look at it. */
export async function setAside({ path, step }: Checkpoint): Promise<string> {
  const name = join(path, "..", DAMAGED + checkpointName(step));
  for (let number = 1;; number++) {
    const target = number === 1 ? name : `${name}-${number}`;
    if (await Deno.lstat(target).then(() => true, () => false)) continue;
    await Deno.rename(path, target);
    return target;
  }
}

/** Removes what a killed process has left half-written or half-removed. Only under the run's lock. */
export async function removeLeftovers(run: string): Promise<void> {
  const directory = checkpointsPath(run);
  for (const name of await namesIn(directory)) {
    if (name.startsWith(".")) await Deno.remove(join(directory, name), { recursive: true });
  }
}

/**
 * Writes a checkpoint so that it is there whole or not at all: to a temporary sibling, forced to the disk, read back,
 * then renamed.
 *
 * @throws {Failure} `output`: disk full, not writable, or the disk gives back other bytes
 */
export async function writeCheckpoint(
  run: string,
  { step, tensors }: { readonly step: number; readonly tensors: TensorRecord },
): Promise<Checkpoint> {
  const directory = checkpointsPath(run);
  const path = join(directory, checkpointName(step));
  const temporary = join(directory, `.${checkpointName(step)}.tmp`);
  try {
    await Deno.mkdir(temporary, { recursive: true });
    const state = join(temporary, STATE_FILE);
    const written = await writeSafetensors(state, tensors, { format: "pt", step: String(step) });
    const got = await sha256File(state);
    if (got !== written.sha256) {
      throw new Failure(
        "output",
        `Cannot write "${path}": the disk gives back other bytes than were written, check the disk`,
      );
    }
    const count = Object.keys(tensors).length;
    const record: StateRecord = {
      format: "ijepa-checkpoint",
      version: 1,
      step,
      tensors: count,
      ...written,
    };
    await Deno.writeTextFile(join(temporary, RECORD_FILE), JSON.stringify(record, null, 2) + "\n");
    await syncPath(temporary);
    await Deno.rename(temporary, path);
    using parent = await Deno.open(directory);
    await parent.sync();
    return { step, path };
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    throw outputFailure(path, error);
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
 * Removes checkpoints that are no longer kept. One that a stop signal has left between the regular steps goes as soon
 * as a newer one is there, so that a stopped run ends with the same files as one that was never stopped.
 */
export async function removeOldCheckpoints(run: string, retention: Retention): Promise<void> {
  const all = await listCheckpoints(run);
  const kept = stepsToKeep(all.map(({ step }) => step), retention);
  for (const { step, path } of all) {
    if (kept.has(step)) continue;
    // Renamed first: a process killed in between must not leave something that looks like a damaged checkpoint.
    const condemned = join(checkpointsPath(run), `.${checkpointName(step)}.old`);
    await Deno.remove(condemned, { recursive: true }).catch(() => {});
    await Deno.rename(path, condemned);
    await Deno.remove(condemned, { recursive: true });
  }
}
