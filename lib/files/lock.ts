/** Advisory file locks that end with the process. */
import { dirname } from "node:path";
import { Failure } from "../failure.ts";
import { systemCode } from "./system_error.ts";
import { outputFailure } from "./write.ts";
import { writeAll } from "./write_all.ts";

/** How a lock is taken. */
export interface LockOptions {
  /** Whether the file is removed with the lock; called at the end. */
  readonly removeAfter: () => boolean;
  /**
   * Called under the lock, before this process signs the file: clears up after a killed holder. Returns what to write
   * to the file besides the process number.
   *
   * @param former what that process has left in the file; `undefined`: there was none, or it may be alive on a file
   * system without locks
   */
  readonly prepare?: (former: string | undefined) => Promise<string>;
  /** Receives a sentence for the user: the file system has no locks. */
  readonly say: (text: string) => void;
}

/** Error codes of file systems without locks, such as some Lustre and NFS mounts. */
const WITHOUT_LOCKS = ["ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];

/** Content of a lock file; a file with other content is foreign. */
const SIGNATURE = /^process \d+\b/;
/** Two lines, the second with a name of up to 255 bytes. */
const LONGEST_SIGNATURE = 400;

function inTheWay(path: string, guarded: string, what: string): Failure {
  return new Failure(
    "output",
    `Cannot write "${guarded}": "${path}", which would be its lock, ${what}, remove it or give another --out`,
  );
}

/**
 * Opens or creates a lock file. Never through a symbolic or hard link: that would write to another file. `undefined`
 * when it appeared or vanished meanwhile.
 */
async function openLock(path: string, guarded: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path, { read: true, write: true, createNew: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const named = await Deno.lstat(path).catch(ignoreNotFound);
  if (named === undefined) return undefined;
  if (named.isSymlink) throw inTheWay(path, guarded, "is a link");
  if (!named.isFile) throw inTheWay(path, guarded, "is no file");
  if ((named.nlink ?? 1) > 1) throw inTheWay(path, guarded, "is a file with a second name");
  const file = await Deno.open(path, { read: true, write: true }).catch((error) => {
    if (systemCode(error) === "EACCES") return removeAbandoned(path, error);
    return ignoreNotFound(error);
  });
  if (file === undefined || isSame(await file.stat(), named)) return file;
  file.close();
  return undefined;
}

/**
 * Removes the lock of another user's ended process; throws `refusal` if that process is alive or the file may not be
 * removed.
 */
async function removeAbandoned(path: string, refusal: unknown): Promise<undefined> {
  const refuse = () => {
    throw refusal;
  };
  using file = await Deno.open(path).catch(refuse);
  if (!SIGNATURE.test(await readSignature(path)) || !await tryLock(file)) refuse();
  await Deno.remove(path).catch(refuse);
}

function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function isSame(one: Deno.FileInfo, other: Deno.FileInfo | undefined): boolean {
  return one.ino === other?.ino && one.dev === other.dev;
}

async function readSignature(path: string): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(LONGEST_SIGNATURE);
  const count = await file.read(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, count)).trim();
}

/** Whether the lock was taken; `undefined` if the file system has no locks. */
async function tryLock(file: Deno.FsFile): Promise<boolean | undefined> {
  try {
    return await file.tryLock(true);
  } catch (error) {
    if (WITHOUT_LOCKS.includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/**
 * Takes an advisory lock that ends with the process, however it ends. On a file system without locks it reports that
 * and goes on.
 *
 * @param path the lock file
 * @param guarded what the lock protects, for the message
 * @throws {Failure} `output`: another process holds it, the place is not writable, or the path holds something else
 */
export async function holdLock(
  path: string,
  guarded: string,
  options: LockOptions,
): Promise<AsyncDisposable> {
  for (;;) {
    let file: Deno.FsFile | undefined;
    try {
      file = await openLock(path, guarded);
      const held = file && await takeLock(file, { path, guarded, ...options });
      if (held) return held;
    } catch (error) {
      await release(file);
      throw outputFailure(guarded, error, dirname(path));
    }
    await release(file);
  }
}

/**
 * Releases the lock, if it was taken. Closing is not enough: a process that another thread is just starting inherits
 * the open file until its exec.
 */
async function release(file: Deno.FsFile | undefined): Promise<void> {
  await file?.unlock().catch(() => {}); // The file system may have no locks.
  file?.close();
}

/** Locks an open lock file and signs it; `undefined` when another file has its name now. */
async function takeLock(
  file: Deno.FsFile,
  { path, guarded, removeAfter, prepare, say }:
    & { readonly path: string; readonly guarded: string }
    & LockOptions,
): Promise<AsyncDisposable | undefined> {
  const locked = await tryLock(file);
  if (locked === false) {
    const [holder = ""] = (await readSignature(path).catch(() => "")).split("\n");
    throw new Failure(
      "output",
      `Cannot write "${guarded}": another process${holder && ` (${holder})`} is working on it, ` +
        `wait for it to end or give another --out`,
    );
  }
  // The former holder may have removed the file between our open and our lock: then lock the new one.
  if (!isSame(await file.stat(), await Deno.lstat(path).catch(ignoreNotFound))) return undefined;
  const former = await readSignature(path);
  if (former !== "" && !SIGNATURE.test(former)) throw inTheWay(path, guarded, "is another file");
  if (locked === undefined) {
    say(`the file system has no locks: let nothing else write "${guarded}" meanwhile`);
  }
  const note = await prepare?.(locked && former !== "" ? former : undefined) ?? "";
  const remove = async () => {
    if (removeAfter()) await Deno.remove(path).catch(() => {});
  };
  try {
    await file.truncate();
    await writeAll(file, new TextEncoder().encode(`process ${Deno.pid}\n${note}`));
  } catch (error) {
    await remove(); // The disk is full: leaves nothing behind.
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      await remove();
      await release(file);
    },
  };
}
