/** Where an artefact is made before it is moved into place, under a lock. */
import { join } from "node:path";
import { holdLock, outputFailure, sha256, systemCode } from "../files/mod.ts";
import { entryAt, type Target } from "./target.ts";

/** The directory that holds lock and temporaries, and what their names begin with. */
interface Workplace {
  readonly directory: string;
  readonly base: string;
}

/** Inside an existing directory: it may be a mount point, and its parent not writable. */
const INSIDE = ".ijepa";

/** The longest suffix after `.NAME`: `.tmp-` and the process number. */
const LONGEST_ENDING = ".tmp-4194304-99";

function lockOf({ directory, base }: Workplace): string {
  return join(directory, `${base}.lock`);
}

/** Beside an output that does not exist yet: one rename makes it appear whole. */
async function placeBeside({ path, name }: Target): Promise<Workplace> {
  const directory = join(path, "..");
  const isTooLong = await entryAt(join(directory, `.${name}${LONGEST_ENDING}`)).then(
    () => false,
    (error) => systemCode(error) === "ENAMETOOLONG",
  );
  const base = isTooLong ? `${INSIDE}-${sha256(name).slice(0, 16)}` : `.${name}`;
  return { directory, base };
}

async function workplaceOf(target: Target): Promise<Workplace> {
  const { kind, isThere, path } = target;
  const isInside = kind === "directory" && isThere;
  return isInside ? { directory: path, base: INSIDE } : await placeBeside(target);
}

/** `.NAME.tmp-PID`, `.NAME.tmp-PID-2` and so on: the first unused one. */
async function freeName({ directory, base }: Workplace): Promise<string> {
  for (let number = 1;; number++) {
    const name = `${base}.tmp-${Deno.pid}${number === 1 ? "" : `-${number}`}`;
    if (await entryAt(join(directory, name)) === undefined) return name;
  }
}

/** Content of a lock file: the process, and its temporary, which older versions did not note. */
const NOTES = /^process (\d+)(?:\ntemporary (.+))?$/;

/** Removes what a killed process has left. Its lock file names them exactly; a prefix could match files of the user. */
async function removeLeftovers({ directory, base }: Workplace, notes: string): Promise<void> {
  const [, pid, noted] = NOTES.exec(notes) ?? [];
  if (pid === undefined) return;
  const own = `${base}.tmp-${pid}`;
  // Older versions noted no name, and moved whole directories away.
  for (const name of noted === undefined ? [own, `${own}-former`] : [noted]) {
    // A lock file from elsewhere may contain anything.
    if (!name.startsWith(own) || !/^(-\d+|-former)?$/.test(name.slice(own.length))) continue;
    const path = join(directory, name);
    const info = await entryAt(path);
    if (info === undefined || info.isSymlink) continue;
    // Another user's files cannot always be removed, and do no harm.
    await Deno.remove(path, { recursive: true }).catch(() => {});
  }
}

/** Existing directories of this process, and the lock file that names each. */
const temporaries = new Map<string, string>();

/** Writes that are under way on other threads may put a file into a directory while it is being removed. */
const REMOVALS = 50;
const WAIT_MILLISECONDS = 20;

/** @returns whether nothing is left */
function removeNow(directory: string): boolean {
  try {
    Deno.removeSync(directory, { recursive: true });
    return true;
  } catch (error) {
    return systemCode(error) === "ENOENT";
  }
}

/**
 * Removes the temporaries of unfinished artefacts; called on a signal to end. Where one is left, its lock file stays as
 * well, so that the next process can remove it.
 */
export function removeTemporaries(): void {
  for (const [directory, lock] of temporaries) {
    let isGone = removeNow(directory);
    for (let i = 1; i < REMOVALS && !isGone; i++) isGone = removeNow(directory);
    if (isGone) removeNow(lock);
  }
}

/** Whether an entry of an output directory is a lock or a temporary of this tool. */
export function isOfStaging(name: string): boolean {
  return name === `${INSIDE}.lock` || new RegExp(`^\\${INSIDE}\\.tmp-\\d+(-\\d+)?$`).test(name);
}

/** Clears up after a process that was killed before it could; what cannot be removed stays. */
export async function clearUp(target: Target): Promise<void> {
  const places = [await workplaceOf(target), await placeBeside(target)];
  for (const place of places) {
    if (await entryAt(lockOf(place)).catch(() => undefined) === undefined) continue;
    const prepare = async (former = "") => {
      await removeLeftovers(place, former);
      return "";
    };
    const options = { removeAfter: () => true, prepare, say: () => {} };
    const lock = await holdLock(lockOf(place), target.shown, options).catch(() => undefined);
    await lock?.[Symbol.asyncDispose]();
  }
}

/** A directory on the file system of an output, held under a lock against other writers of that output. */
export class Staging implements AsyncDisposable {
  readonly directory: string;
  /** Where the artefact is to be made: an unused path. */
  readonly payload: string;
  readonly #held: AsyncDisposable;

  private constructor(directory: string, held: AsyncDisposable) {
    this.directory = directory;
    this.payload = join(directory, "out");
    this.#held = held;
  }

  /** @throws {Failure} `output`: the place is not writable, or another process is writing there */
  static async open(target: Target, say: (text: string) => void): Promise<Staging> {
    const place = await workplaceOf(target);
    const lock = lockOf(place);
    let directory = "";
    const prepare = async (former = "") => {
      await removeLeftovers(place, former);
      const name = await freeName(place);
      directory = join(place.directory, name);
      // From now on both are this process's own, even if a signal comes before they are complete.
      temporaries.set(directory, lock);
      return `temporary ${name}\n`;
    };
    // A directory that could not be removed is named in the lock file, for the next process.
    const removeAfter = () => !temporaries.has(directory);
    let held: AsyncDisposable | undefined;
    try {
      held = await holdLock(lock, target.shown, { removeAfter, prepare, say });
      await Deno.mkdir(directory);
      return new Staging(directory, held);
    } catch (error) {
      temporaries.delete(directory);
      await held?.[Symbol.asyncDispose]();
      throw outputFailure(target.shown, error, place.directory);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let i = 0; i < REMOVALS && temporaries.has(this.directory); i++) {
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, WAIT_MILLISECONDS));
      if (removeNow(this.directory)) temporaries.delete(this.directory);
    }
    await this.#held[Symbol.asyncDispose]();
    temporaries.delete(this.directory);
  }
}
