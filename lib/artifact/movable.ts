/** Checks before the work that permissions allow to replace an output. */
import { join } from "node:path";
import { outputFailure } from "../files/mod.ts";
import { missingDirectories, parentsOf } from "./plan.ts";
import type { OwnFile } from "./receipt.ts";
import { entryAt, type Target } from "./target.ts";

/** Whether the mode of a user's own directory forbids adding and removing entries. */
function isClosed({ uid, mode }: Deno.FileInfo, user: number | null): boolean {
  return user !== 0 && uid === user && mode !== null && (mode & 0o300) !== 0o300;
}

/** Whether only their owners may replace files of a directory (sticky bit), as in `/tmp`. */
function isSticky({ uid, mode }: Deno.FileInfo, user: number | null): boolean {
  return user !== 0 && uid !== user && mode !== null && (mode & 0o1000) !== 0;
}

/**
 * Fails before the work where moving into place would fail after it.
 *
 * @param user number of the user that this process writes as
 * @throws {Failure} `output`: names what cannot be replaced
 */
export async function expectMovable(
  target: Target,
  files: readonly OwnFile[],
  user: number | null,
): Promise<void> {
  const refuse = (path: string): never => {
    throw outputFailure(path, new Deno.errors.PermissionDenied());
  };
  await missingDirectories(target, files);
  for (const directory of new Set(["", ...files.flatMap(({ path }) => parentsOf(path))])) {
    const path = join(target.root, directory);
    const info = await entryAt(path);
    if (info !== undefined && isClosed(info, user)) refuse(path);
  }
  const root = await entryAt(target.root);
  if (root === undefined || !isSticky(root, user)) return;
  for (const path of [target.receipt, ...files.map(({ path }) => join(target.root, path))]) {
    const info = await entryAt(path);
    if (info !== undefined && info.uid !== user) refuse(path);
  }
}
