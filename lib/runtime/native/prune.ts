/**
 * Removes libraries that were not used for long: every configuration and every version of this project or of the
 * compiler adds one. Errors here, such as a read-only folder, are ignored.
 */

import { join } from "node:path";
import { ownUser } from "./trust.ts";

/** Names of cached libraries, and of no other files. */
const LIBRARY = /^[0-9a-f]{32}-[0-9a-f]{64}\.so$/;

const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
/** Unused for so many days, a library is removed. */
const UNUSED_DAYS = 90;
/**
 * Of more libraries than these, some 60 MB, those unused for longest are removed, but none that a run may still have
 * loaded: on a network file system it would lose it.
 */
const MOST_LIBRARIES = 1000, LOADED_DAYS = 30;

/** When a library was used last, milliseconds. */
function usedAt({ mtime, atime }: Deno.FileInfo): number {
  return Math.max(mtime?.getTime() ?? 0, atime?.getTime() ?? 0);
}

/** Updates the time of a library's last use, once a day: many file systems do not. */
export async function noteUse(path: string): Promise<void> {
  try {
    const now = new Date(), { mtime } = await Deno.lstat(path);
    if (mtime !== null && now.getTime() - mtime.getTime() > DAY_MILLISECONDS) {
      await Deno.utime(path, now, now);
    }
  } catch {
    // Another user's, or read-only.
  }
}

/** Own libraries of a folder with the time of their last use, those unused for longest first. */
async function ownLibraries(folder: string): Promise<readonly { path: string; used: number }[]> {
  const user = ownUser(), found: { path: string; used: number }[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !LIBRARY.test(name)) continue;
    const path = join(folder, name), info = await Deno.lstat(path).catch(() => undefined);
    if (info?.isFile && info.uid === user) found.push({ path, used: usedAt(info) });
  }
  return found.sort((a, b) => a.used - b.used);
}

/** Removes this user's libraries that were not used for long, and nothing else. */
export async function removeUnused(folder: string): Promise<void> {
  try {
    const libraries = await ownLibraries(folder), now = Date.now();
    const excess = libraries.length - MOST_LIBRARIES;
    for (const [i, { path, used }] of libraries.entries()) {
      const days = (now - used) / DAY_MILLISECONDS;
      if (days > UNUSED_DAYS || i < excess && days > LOADED_DAYS) await Deno.remove(path);
    }
  } catch {
    // The next compilation tries again.
  }
}
