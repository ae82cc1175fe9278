/** Whether another user could have written what is about to be loaded. */

import { dirname } from "node:path";

const GROUP_AND_OTHERS = 0o022, OTHERS = 0o002, STICKY = 0o1000;
const ROOT = 0;

/** The user that root appears as in a container that does not map it. */
const NOBODY = 65534;

/** The user that this process runs as; `null` on Windows, where files have no modes either. */
export function ownUser(): number | null {
  try {
    return Deno.uid();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new Error("wanted to know the own user, Deno denies it (--allow-sys=uid)");
  }
}

async function expectOwner(path: string, owners: readonly number[]): Promise<number> {
  const { uid, mode, isSymlink } = await Deno.lstat(path);
  if (isSymlink || !owners.includes(uid!)) throw new Error(`"${path}" belongs to another user`);
  return mode!;
}

/** Fails unless a file or folder is this user's or root's, and writable by no one else. */
export async function expectOwn(path: string): Promise<void> {
  const user = ownUser();
  if (user === null) return;
  const mode = await expectOwner(path, [user, ROOT]);
  if ((mode & GROUP_AND_OTHERS) !== 0) throw new Error(`others may write "${path}"`);
}

function foldersAbove(path: string): readonly string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...foldersAbove(above)];
}

/**
 * Fails unless a folder is one's own and no one else can replace it. The folders above may be writable by the group: on
 * some systems each user has a private group, which may write all of the user's files.
 *
 * @param folder without links
 */
export async function expectOwnFolder(folder: string): Promise<void> {
  const user = ownUser();
  if (user === null) return;
  await expectOwn(folder);
  for (const path of foldersAbove(folder)) {
    const mode = await expectOwner(path, [user, ROOT, NOBODY]);
    if ((mode & OTHERS) !== 0 && (mode & STICKY) === 0) {
      throw new Error(`others may write "${path}"`);
    }
  }
}
