import { basename, dirname, join, resolve } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { holdLock, outputFailure, syncEntry, syncPath, writeFileAtomically } from "../files/mod.ts";
import {
  type ArtifactKind,
  damageOf,
  type Making,
  readReceipt,
  type Receipt,
  receiptKey,
  receiptPath,
  receiptText,
  recordOutput,
} from "./receipt.ts";

/** What a stage is about to make. */
export interface ArtifactSpec extends Making {
  readonly kind: ArtifactKind;
  /** Replace an artefact that was made from something else. */
  readonly force: boolean;
  /** The inputs with hashes that the work itself has found; without it they are as they were before. */
  readonly inputsAfter?: () => Promise<Making["inputs"]>;
}

/** What a stage prints: the summary, and whether there was anything to do. */
export interface Outcome {
  readonly stage: string;
  readonly out: string;
  readonly status: "done" | "up to date";
  readonly [detail: string]: unknown;
}

const temporaries = new Set<string>();

/** Removes what unfinished artefacts have written; called when the process is told to end. */
export function removeTemporaries(): void {
  for (const path of temporaries) {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch {
      // Already gone.
    }
  }
}

/** Whether something is there; an empty directory is as good as nothing. */
async function isOccupied(path: string): Promise<boolean> {
  try {
    if (!(await Deno.lstat(path)).isDirectory) return true;
    for await (const _entry of Deno.readDir(path)) return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return false;
}

/** A crashed run may have left `.NAME.tmp-PID` behind; under the lock nobody else can own it. */
async function removeLeftovers(directory: string, prefix: string): Promise<void> {
  for await (const entry of Deno.readDir(directory)) {
    if (entry.name.startsWith(prefix)) {
      await Deno.remove(join(directory, entry.name), { recursive: true });
    }
  }
}

/** Nothing is replaced without being asked, and never a directory that this stage has not made. */
function expectReplaceable(spec: ArtifactSpec, earlier: Receipt | undefined): void {
  const { stage, path, kind, force } = spec;
  const ours = earlier?.stage === stage;
  if (force && (ours || (kind === "file" && earlier === undefined))) return;
  const what = ours
    ? "was made from other inputs or settings"
    : earlier
    ? `was made by "${earlier.stage}"`
    : "exists and was not made by this command";
  const way = ours || (kind === "file" && earlier === undefined)
    ? "pass --force to replace it or give another --out"
    : "give another --out or remove it yourself";
  throw new Failure("output", `Cannot write "${path}": it ${what}, ${way}`);
}

/** Puts a finished artefact in the place of what is there. */
async function moveIntoPlace(temporary: string, path: string, kind: ArtifactKind): Promise<void> {
  if (kind === "directory") {
    // Moved away whole: a directory that is half removed must never stand under the name, receipt and all.
    const former = `${temporary}-former`;
    await Deno.rename(path, former).catch(ignoreNotFound);
    await Deno.rename(temporary, path);
    await Deno.remove(former, { recursive: true }).catch(ignoreNotFound);
  } else {
    // A stale receipt must not vouch for the new file should the process die between the two.
    await Deno.remove(receiptPath(path, kind)).catch(ignoreNotFound);
    await Deno.rename(temporary, path);
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/**
 * Makes one artefact so that it appears whole or not at all: `build` writes to a temporary sibling, which is hashed,
 * synced and renamed, with its receipt. An artefact that is already there with the same key is left alone, unless it
 * is not what its receipt says.
 *
 * @param build writes the artefact at the path it is given and returns the summary
 * @throws {Failure} `output`: not writable, disk full, locked, or made from something else without `force`
 */
export async function makeArtifact(
  spec: ArtifactSpec,
  build: (temporary: string) => Promise<object>,
): Promise<Outcome> {
  const { stage, kind, force } = spec;
  const started = performance.now();
  // A link to a larger disk stays a link: what it points to is replaced.
  const path = await Deno.realPath(spec.path).catch(() => resolve(spec.path));
  const directory = dirname(path), name = basename(path);
  const key = receiptKey(spec);
  try {
    await Deno.mkdir(directory, { recursive: true });
  } catch (error) {
    throw outputFailure(spec.path, error);
  }
  const lock = join(directory, `.${name}.lock`);
  const temporary = join(directory, `.${name}.tmp-${Deno.pid}`);
  await using _lock = await holdLock(lock, spec.path, { removeAfter: true });
  temporaries.add(lock);
  try {
    if (await isOccupied(path)) {
      const earlier = await readReceipt(path, kind);
      const damage = earlier?.key === key ? await damageOf(path, kind, earlier) : undefined;
      if (earlier?.key === key && damage === undefined && !force) {
        return { stage, out: spec.path, status: "up to date", ...earlier.summary };
      }
      if (damage === undefined) expectReplaceable(spec, earlier);
      else console.error(`${stage}: "${spec.path}" is damaged (${damage}), making it again`);
    }
    await removeLeftovers(directory, `.${name}.tmp-`);
    temporaries.add(temporary);
    if (kind === "directory") await Deno.mkdir(temporary);
    const summary = await build(temporary);
    const output = await recordOutput(temporary, kind);
    const inputs = await spec.inputsAfter?.() ?? spec.inputs;
    const text = receiptText({ ...spec, inputs }, { output, started, summary });
    if (kind === "directory") await Deno.writeTextFile(receiptPath(temporary, kind), text);
    await syncPath(temporary);
    await moveIntoPlace(temporary, path, kind);
    if (kind === "file") await writeFileAtomically(receiptPath(path, kind), text);
    await syncEntry(directory);
    return { stage, out: spec.path, status: "done", ...summary };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw outputFailure(spec.path, error);
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    temporaries.delete(temporary);
    temporaries.delete(lock);
  }
}

/** Fails unless an input file or directory is there. @throws {Failure} `missing` */
export async function expectInput(path: string, action: string, hint: string): Promise<void> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Failure("missing", `Cannot ${action}: "${path}" does not exist, ${hint}`);
    }
    throw new Failure(
      "missing",
      `Cannot ${action}: "${path}" is not readable: ${messageOf(error)}`,
    );
  }
}

/** The text of an input file that need not be given. @throws {Failure} `missing` */
export async function readInput(
  path: string | undefined,
  action: string,
  hint: string,
): Promise<{ readonly path: string; readonly text: string } | undefined> {
  if (path === undefined) return undefined;
  await expectInput(path, action, hint);
  return { path, text: await Deno.readTextFile(path) };
}
