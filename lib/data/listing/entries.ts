/** The entries of one folder, with those marked whose names cannot be used. */
import { join } from "node:path";

/** The kind of an entry; links are not followed. */
export type EntryKind = "file" | "folder" | "link" | "other";

/** One entry of a folder. */
export interface Entry {
  readonly name: string;
  readonly kind: EntryKind;
  /** False where the name is not UTF-8: nothing can be opened by it. */
  readonly usable: boolean;
}

/** What Deno substitutes for bytes that are not UTF-8. */
const REPLACEMENT = "\ufffd";

function kindOf(entry: Pick<Deno.DirEntry, "isFile" | "isDirectory" | "isSymlink">): EntryKind {
  if (entry.isSymlink) return "link";
  return entry.isDirectory ? "folder" : entry.isFile ? "file" : "other";
}

/** Which of several entries whose names decode to the same text really has that name: one at most. */
async function markUsable(path: string, kinds: readonly EntryKind[]): Promise<boolean[]> {
  const kind = await Deno.lstat(path).then(kindOf, () => undefined);
  const real = kind === undefined ? -1 : kinds.indexOf(kind);
  return kinds.map((_, index) => index === real);
}

/**
 * Reads the entries of a folder, in no order.
 *
 * @throws the system's error for a folder that cannot be read
 */
export async function readEntries(folder: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  const replaced = new Map<string, EntryKind[]>();
  for await (const entry of Deno.readDir(folder)) {
    const { name } = entry, kind = kindOf(entry);
    if (!name.includes(REPLACEMENT)) entries.push({ name, kind, usable: true });
    else replaced.set(name, [...replaced.get(name) ?? [], kind]);
  }
  for (const [name, kinds] of replaced) {
    const usable = await markUsable(join(folder, name), kinds);
    kinds.forEach((kind, index) => entries.push({ name, kind, usable: usable[index]! }));
  }
  return entries;
}
