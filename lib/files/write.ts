import { dirname, join } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { forEachConcurrently } from "./concurrent.ts";

/**
 * Turns an error of the file system into a sentence about the output; anything else passes unchanged.
 *
 * @returns a {@link Failure} of kind `output`, or the error itself
 */
export function outputFailure(path: string, error: unknown): unknown {
  const text = messageOf(error);
  const code = (error as { code?: string } | null)?.code;
  if (code === "ENOSPC" || /no space left|os error 28/i.test(text)) {
    return new Failure(
      "output",
      `Cannot write "${path}": the disk is full, free some space and run the command again`,
      { cause: error },
    );
  }
  if (code === "EFBIG" || code === "EDQUOT") {
    return new Failure("output", `Cannot write "${path}": a size limit is reached (${code})`, {
      cause: error,
    });
  }
  if (
    error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable ||
    ["EACCES", "EROFS", "EPERM", "ENOTDIR"].includes(code ?? "")
  ) {
    return new Failure(
      "output",
      `Cannot write "${path}": the place is not writable, give another --out or change its permissions`,
      { cause: error },
    );
  }
  if (error instanceof Deno.errors.AlreadyExists || code === "EEXIST") {
    return new Failure(
      "output",
      `Cannot write "${path}": something else is in its place, remove that or give another --out`,
      { cause: error },
    );
  }
  return error;
}

/** Files synced at once: a journalling file system commits them together, ten times faster than one by one. */
const SYNCS_IN_FLIGHT = 32;

/** Forces one file to the disk, or the names in one directory. */
export async function syncEntry(path: string): Promise<void> {
  using file = await Deno.open(path);
  await file.sync();
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

/** Replaces a file so that a reader sees the old text or the new one, never a part. */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp-${Deno.pid}`;
  try {
    using file = await Deno.open(temporary, { write: true, create: true, truncate: true });
    let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (rest.length > 0) rest = rest.subarray(await file.write(rest));
    await file.sync();
    await Deno.rename(temporary, path);
    await syncEntry(dirname(path)); // The new name has to survive a power cut as well.
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw outputFailure(path, error);
  }
}
