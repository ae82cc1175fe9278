/** Whether another user could have written what is about to be loaded. */

import { dirname } from "node:path";

const GROUP_AND_OTHERS = 0o022, OTHERS = 0o002, STICKY = 0o1000;
const ROOT = 0;

/** As whom root appears in a container that does not know it. */
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

/** Fails unless a file or folder is this user's or root's, and nobody else may write it. */
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
 * Fails unless a folder is one's own and nobody else can put another in its place. A group is trusted with the folders
 * above: on some systems each user has a group of their own, which may write all that they make.
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
