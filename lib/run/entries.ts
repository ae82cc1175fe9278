/** The entries of a run directory. All others are foreign: allowed, and never touched. */
import { join } from "node:path";
import { RECEIPT_FILE } from "../artifact/mod.ts";
import { Failure } from "../failure.ts";
import { LEFTOVER } from "./checkpoint_removal.ts";
import { CHECKPOINTS_FOLDER, checkpointsPath, namesIn, stepOf } from "./checkpoints.ts";
import { EVENTS_FOLDER } from "./events.ts";
import { METRICS_FILE } from "./metrics.ts";
import { CONFIG_FILE } from "./record.ts";

type Kind = "file" | "directory";

/** Held while a process works in the run. */
export const LOCK_FILE = ".lock";

/** In the order of writing. */
const ENTRIES: Readonly<Record<string, Kind>> = {
  [LOCK_FILE]: "file",
  [CONFIG_FILE]: "file",
  [CHECKPOINTS_FOLDER]: "directory",
  [METRICS_FILE]: "file",
  [EVENTS_FOLDER]: "directory",
  [RECEIPT_FILE]: "file",
};

/** The kind of a path, without following a link. */
async function kindAt(path: string): Promise<Kind | "link" | "other" | undefined> {
  try {
    const { isSymlink, isDirectory, isFile } = await Deno.lstat(path);
    return isSymlink ? "link" : isDirectory ? "directory" : isFile ? "file" : "other";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function expectKind(run: string, path: string, wanted: Kind): Promise<void> {
  const kind = await kindAt(path);
  if (kind === undefined || kind === wanted) return;
  throw new Failure(
    "output",
    kind === "link"
      ? `Cannot write the run "${run}": "${path}" is a link, and links inside a run are never followed, put back ` +
        "what it leads to, or move the whole run there and link that"
      : `Cannot write the run "${run}": wanted a ${wanted} at "${path}", got ${
        kind === "other" ? "a device or pipe" : `a ${kind}`
      }, move it away`,
  );
}

/**
 * Fails unless all entries under a run's names have the expected kind: nothing is ever written, truncated or removed
 * through a link.
 *
 * @throws {Failure} `output`
 */
export async function expectOwnEntries(run: string): Promise<void> {
  for (const [name, kind] of Object.entries(ENTRIES)) await expectKind(run, join(run, name), kind);
  const directory = checkpointsPath(run);
  for (const name of await namesIn(directory)) {
    if (stepOf(name) === undefined && !LEFTOVER.test(name)) continue;
    await expectKind(run, join(directory, name), "directory");
  }
}

async function isEmpty(path: string): Promise<boolean> {
  const { isDirectory, size } = await Deno.lstat(path);
  return isDirectory ? (await namesIn(path)).length === 0 : size === 0;
}

/** Files that identify other kinds of directories. */
const OTHERS: Readonly<Record<string, string>> = {
  "manifest.json": "shards",
  "metrics.json": "a probe",
  "model.safetensors": "an encoder",
};

/**
 * Fails unless a directory is a run or may become one. Entries under other names are allowed, such as the log of a job
 * or a `.gitkeep`.
 *
 * @throws {Failure} `output`: it is something else, or a run without its configuration
 */
export async function expectRunOrNone(run: string): Promise<void> {
  const names = await namesIn(run);
  const refuse = (what: string) => {
    throw new Failure("output", `Cannot write the run "${run}": ${what}, give another --out`);
  };
  const other = names.find((name) => Object.hasOwn(OTHERS, name));
  if (other !== undefined) refuse(`the directory holds ${OTHERS[other]} ("${other}")`);
  if (names.includes(CONFIG_FILE)) return;
  for (const name of names) {
    if (name === LOCK_FILE || !Object.hasOwn(ENTRIES, name)) continue;
    if (!await isEmpty(join(run, name))) {
      refuse(`the directory has a "${name}", but no ${CONFIG_FILE} of a run`);
    }
  }
}

/**
 * Removes temporaries of a process that was killed while it replaced a file. Only under the run's lock.
 *
 * @param signature what that process wrote into the lock, which identifies its files: similar names are foreign
 */
export async function removeTemporaries(run: string, signature: string): Promise<void> {
  const [, process] = /^process (\d+)\b/.exec(signature) ?? [];
  if (process === undefined) return;
  const files = Object.keys(ENTRIES).filter((name) => ENTRIES[name] === "file");
  for (const name of files.map((file) => `${file}.tmp-${process}`)) {
    const path = join(run, name);
    // One that may not be removed does no harm.
    if (await kindAt(path) === "file") await Deno.remove(path).catch(() => {});
  }
}
