/** Finds, verifies and reads the checkpoints of a run. */
import { join } from "node:path";
import * as v from "valibot";
import { Failure, messageOf } from "../failure.ts";
import { expectPlain, sha256File, systemCode, systemReason } from "../files/mod.ts";
import { readSafetensors } from "../formats/safetensors.ts";
import { parseJson } from "../json.ts";
import type { TensorRecord } from "../tensor.ts";

const COUNT = v.pipe(v.number(), v.safeInteger("a whole number"), v.minValue(0));

/** One checkpoint of a run. */
export interface Checkpoint {
  /** Steps done. */
  readonly step: number;
  /** Its directory. */
  readonly path: string;
}

/** Shapes by tensor name. */
export type ShapeRecord = Readonly<Record<string, readonly number[]>>;

/** The content of `state.json`, which describes the `state.safetensors` beside it. */
export const STATE_RECORD = v.looseObject({
  format: v.literal("ijepa-checkpoint"),
  version: v.literal(1),
  step: COUNT,
  tensors: COUNT,
  bytes: COUNT,
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits")),
  /** The values that identified the run, by name; older versions did not record them. */
  values: v.exactOptional(v.record(v.string(), v.string())),
});

/** Name of the folder of checkpoints inside a run directory. */
export const CHECKPOINTS_FOLDER = "checkpoints";
/** The files of a checkpoint. */
export const STATE_FILE = "state.safetensors", RECORD_FILE = "state.json";
/** Prefix of the name of a damaged one. */
export const DAMAGED = "damaged-";
const NAME = /^step-(\d{8,})$/;
/** Larger files are no records. */
const LARGEST_RECORD_BYTES = 1e6;

/** Path of the checkpoints of a run. */
export function checkpointsPath(run: string): string {
  return join(run, CHECKPOINTS_FOLDER);
}

/** `step-00000100` */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

/**
 * The names in a directory, sorted; none if it does not exist.
 *
 * @throws {Failure} `missing`: it cannot be read, or is no directory
 */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)).sort();
  } catch (error) {
    const reason = systemReason(directory, error);
    if (reason === undefined) throw error;
    const code = systemCode(error);
    if (code === "ENOENT") return [];
    const what = code === "ENOTDIR"
      ? "it is no directory, move it away"
      : `${reason}, check its permissions`;
    throw new Failure("missing", `Cannot read "${directory}": ${what}`, { cause: error });
  }
}

/** The step of a checkpoint's name; `undefined` for other names. */
export function stepOf(name: string): number | undefined {
  const step = Number(NAME.exec(name)?.[1] ?? NaN);
  return checkpointName(step) === name ? step : undefined;
}

/** The file of a checkpoint that holds its tensors. */
export function stateFile({ path }: Checkpoint): string {
  return join(path, STATE_FILE);
}

/** The checkpoints of a run, oldest first, whether valid or not. */
export async function listCheckpoints(run: string): Promise<Checkpoint[]> {
  const directory = checkpointsPath(run);
  return (await namesIn(directory))
    .map((name) => ({ step: stepOf(name), path: join(directory, name) }))
    .filter((found): found is Checkpoint => found.step !== undefined)
    .sort((a, b) => a.step - b.step);
}

function invalid(path: string, what: string): Failure {
  return new Failure("data", `Cannot use the checkpoint "${path}": ${what}`);
}

/** Error codes of missing files and broken disks. Others do not mean damage. */
const DAMAGE_CODES = ["ENOENT", "ENOTDIR", "EISDIR", "EFTYPE", "EIO"];

/**
 * Reads a file of a checkpoint.
 *
 * @throws {Failure} `data`: it is damaged; `missing`: it cannot be read at present, by this user or on this machine
 */
async function readPart<T>(path: string, name: string, read: (file: string) => Promise<T>) {
  const file = join(path, name);
  try {
    return await read(file);
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    if (code === "ENOENT") throw invalid(path, `${name} is missing`);
    const reason = `${name} is not readable (${systemReason(file, error)})`;
    if (DAMAGE_CODES.includes(code)) throw invalid(path, reason);
    throw new Failure("missing", `Cannot use the checkpoint "${path}": ${reason}`, {
      cause: error,
    });
  }
}

async function readRecord({ step, path }: Checkpoint): Promise<v.InferOutput<typeof STATE_RECORD>> {
  const text = await readPart(path, RECORD_FILE, async (file) => {
    const { size } = await expectPlain(file);
    if (size > LARGEST_RECORD_BYTES) {
      throw invalid(
        path,
        `${RECORD_FILE} has ${size} bytes, wanted at most ${LARGEST_RECORD_BYTES}`,
      );
    }
    return await Deno.readTextFile(file);
  });
  let record: v.InferOutput<typeof STATE_RECORD>;
  try {
    record = parseJson(text, STATE_RECORD);
  } catch (error) {
    throw invalid(
      path,
      `${RECORD_FILE} does not describe a checkpoint in version 1 (${messageOf(error)})`,
    );
  }
  if (record.step !== step) {
    throw invalid(path, `${RECORD_FILE} wants step ${step} by its name, got ${record.step}`);
  }
  return record;
}

/** The values that the run had at a checkpoint; `undefined` if its record is damaged or lacks them. */
export async function savedValues(
  checkpoint: Checkpoint,
): Promise<ReadonlyMap<string, string> | undefined> {
  const record = await readRecord(checkpoint).catch(() => undefined);
  return record?.values && new Map(Object.entries(record.values));
}

/**
 * Compares a checkpoint with what was recorded when it was written.
 *
 * @throws {Failure} `data`: a file is missing, cut short or changed; `missing`: a file cannot be read at present
 */
export async function verifyCheckpoint(checkpoint: Checkpoint): Promise<void> {
  const { path, step } = checkpoint;
  const { bytes, sha256 } = await readRecord(checkpoint);
  const { size } = await readPart(path, STATE_FILE, expectPlain);
  if (size !== bytes) {
    throw invalid(path, `${STATE_FILE} has the wrong length: wanted ${bytes} bytes, got ${size}`);
  }
  const got = await readPart(path, STATE_FILE, sha256File);
  if (got !== sha256) {
    throw invalid(path, `${STATE_FILE} was changed: wanted SHA-256 ${sha256}, got ${got}`);
  }
  const { metadata } = await readSafetensors(join(path, STATE_FILE), { wanted: () => false });
  const inside = metadata["step"] ?? String(step);
  if (inside !== String(step)) {
    throw invalid(path, `${STATE_FILE} wants step ${step} by its name, got ${inside}`);
  }
}

/** Fails unless the tensors have exactly the expected names and shapes. */
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
 * @throws {Failure} `missing`: no such step, with the existing ones; `data`: it is damaged
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
 * @throws {Failure} `data`: none of the checkpoints is valid
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
      if (!(error instanceof Failure && error.kind === "data")) throw error;
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
