/** Durable and atomic writes, and failures about the output. */
import { dirname, join, resolve } from "node:path";
import { Failure } from "../failure.ts";
import { forEachConcurrently } from "./concurrent.ts";
import { systemCode, systemReason } from "./system_error.ts";
import { writeAll } from "./write_all.ts";

/** What to do about an error of the system; for all others {@link ELSEWHERE}. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "give another --out or change its permissions",
  EDQUOT: "free some space and run the command again",
  EEXIST: "remove that or give another --out",
  EFBIG: "raise ulimit -f or give another --out",
  EIO: "check the disk or give another --out",
  EMFILE: "raise the limit and run the command again",
  ENAMETOOLONG: "give a shorter --out",
  ENFILE: "run the command again later",
  ENOSPC: "free some space and run the command again",
  EPERM: "give another --out or change its permissions",
  ESTALE: "run the command again",
  ETIMEDOUT: "run the command again later",
};
const ELSEWHERE = "give another --out";

/**
 * Turns a system error into a failure about the output; anything else passes unchanged.
 *
 * @param directory the directory written to, if the error is about that and not the output itself
 * @returns a {@link Failure} of kind `output`, or the error itself
 */
export function outputFailure(path: string, error: unknown, directory?: string): unknown {
  if (error instanceof Failure) return error;
  const reason = systemReason(resolve(directory ?? path), error);
  if (reason === undefined) return error;
  const place = directory === undefined ? "" : ` (in "${directory}")`;
  const advice = ADVICE[systemCode(error) ?? ""] ?? ELSEWHERE;
  // The reason of a lacking Deno permission already includes what to do.
  const rest = error instanceof Deno.errors.NotCapable ? "" : `${place}, ${advice}`;
  return new Failure("output", `Cannot write "${path}": ${reason}${rest}`, { cause: error });
}

/** Files synced at once: a journalling file system commits them together, ten times faster than one by one. */
const SYNCS_IN_FLIGHT = 32;

/** Error codes of file systems that cannot sync, or cannot sync directories. */
const WITHOUT_SYNC = ["EBADF", "EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];

function ignoreUnable(error: unknown): void {
  if (!WITHOUT_SYNC.includes(systemCode(error) ?? "")) throw error;
}

/** Forces an open file to the disk, if the file system can. */
export async function syncFile(file: Deno.FsFile): Promise<void> {
  await file.sync().catch(ignoreUnable);
}

/** Forces one file to the disk, or the names in one directory. */
export async function syncEntry(path: string): Promise<void> {
  using file = await Deno.open(path);
  await syncFile(file);
}

/** {@link syncEntry}, synchronous: for steps that must not be interleaved. */
export function syncEntrySync(path: string): void {
  using file = Deno.openSync(path);
  try {
    file.syncSync();
  } catch (error) {
    ignoreUnable(error);
  }
}

/** Forces a file, or a directory with everything in it, to the disk. */
export async function syncPath(path: string): Promise<void> {
  const { isDirectory } = await Deno.stat(path);
  if (isDirectory) {
    const entries = (await Array.fromAsync(Deno.readDir(path))).filter((entry) => !entry.isSymlink);
    await forEachConcurrently(
      entries,
      ({ name, isDirectory }) => (isDirectory ? syncPath : syncEntry)(join(path, name)),
      { inFlight: SYNCS_IN_FLIGHT },
    );
  }
  await syncEntry(path);
}

/** A new file beside another, under an unused name: an existing link is never followed. */
async function createBeside(path: string): Promise<{ file: Deno.FsFile; temporary: string }> {
  for (let number = 1;; number++) {
    const temporary = `${path}.tmp-${Deno.pid}${number === 1 ? "" : `-${number}`}`;
    try {
      return { temporary, file: await Deno.open(temporary, { write: true, createNew: true }) };
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** Replaces a file so that a reader sees the old text or the new one, never a part. */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  let temporary: string | undefined;
  try {
    const created = await createBeside(path);
    temporary = created.temporary;
    using file = created.file;
    await writeAll(file, typeof data === "string" ? new TextEncoder().encode(data) : data);
    await syncFile(file);
    await Deno.rename(temporary, path);
    await syncEntry(dirname(path)); // Makes the new name durable as well.
  } catch (error) {
    if (temporary !== undefined) await Deno.remove(temporary).catch(() => {});
    throw outputFailure(path, error);
  }
}
