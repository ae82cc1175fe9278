/** Moves a finished artefact into place: one rename where nothing is there, else file by file. */
import { dirname, join } from "node:path";
import { Failure } from "../failure.ts";
import { outputFailure, sha256File, syncEntry, syncEntrySync, syncPath } from "../files/mod.ts";
import { sizeOf } from "./contents.ts";
import { type OwnFile, type Receipt, receiptPath, receiptText } from "./receipt.ts";
import type { Staging } from "./staging.ts";
import { entryAt, type Target } from "./target.ts";

/** Which files in the place of an output are this tool's. */
export interface Ownership {
  /** What its receipt lists; an interrupted move has a path twice, with the old bytes and the new ones. */
  readonly files: readonly OwnFile[];
  /** `--force`: own files are replaced whatever they hold now. */
  readonly force: boolean;
  /** Everything of the names that will be written is taken for own: no receipt lists more. */
  readonly everything: boolean;
}

/** What will be done, decided before anything is. */
interface Plan {
  readonly directories: readonly string[];
  /** Own paths to move from the staging to the output. */
  readonly moves: readonly string[];
  /** Own paths that are no longer made. */
  readonly stale: readonly string[];
}

/** The directories that a path lies in, from the outermost, without the root. */
function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** The directories below an output that its files need and that are not there. Links are not followed. */
async function missingDirectories(
  { shown, root }: Target,
  contents: readonly OwnFile[],
): Promise<string[]> {
  const missing: string[] = [];
  for (const parent of new Set(contents.flatMap(({ path }) => parentsOf(path)))) {
    const there = join(root, parent);
    const info = await entryAt(there);
    if (info === undefined) missing.push(parent);
    else if (!info.isDirectory) {
      const what = info.isSymlink ? "a link" : "no directory";
      throw new Failure(
        "output",
        `Cannot write "${shown}": "${there}" is ${what}, remove it or give another --out`,
      );
    }
  }
  return missing;
}

/** Whether a user may add and remove entries of a directory, as far as its owner says. */
function isClosed({ uid, mode }: Deno.FileInfo, user: number | null): boolean {
  return user !== 0 && uid === user && mode !== null && (mode & 0o300) !== 0o300;
}

/** Whether a directory lets nobody but their owners replace its files, as `/tmp` does. */
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

/** Whether a file is the beginning of another. */
async function isBeginning(path: string, bytes: number, whole: string): Promise<boolean> {
  return await sha256File(path) === await sha256File(whole, bytes);
}

/** Decides on every file, and refuses before the first is touched. */
class Planner {
  readonly #target: Target;
  readonly #ownership: Ownership;
  readonly #known = new Map<string, Set<string>>();

  constructor(target: Target, ownership: Ownership) {
    this.#target = target;
    this.#ownership = ownership;
    for (const { path, sha256 } of ownership.files) {
      const hashes = this.#known.get(path);
      if (hashes === undefined) this.#known.set(path, new Set([sha256]));
      else hashes.add(sha256);
    }
  }

  #refuse(what: string): never {
    throw new Failure("output", `Cannot write "${this.#target.shown}": ${what}`);
  }

  /** Whether a file of the output is to be replaced by the one that was made. */
  async #isToMove({ path, bytes, sha256 }: OwnFile, made: string): Promise<boolean> {
    const there = join(this.#target.root, path);
    const info = await entryAt(there);
    if (info === undefined) return true;
    const hashes = this.#known.get(path);
    const { force, everything } = this.#ownership;
    const isOwn = hashes !== undefined || everything;
    if (info.isDirectory) {
      this.#refuse(`"${there}" is a directory, remove it or give another --out`);
    }
    if (isOwn && force) return true; // A link is replaced itself, not what it points to.
    const size = await sizeOf(there) ?? NaN;
    if (!Number.isNaN(size)) {
      const got = await sha256File(there);
      if (got === sha256) return false;
      if (info.isFile && hashes?.has(got)) return true;
      // Cut short, and not edited to be shorter.
      const isShort = isOwn && info.isFile && size < bytes;
      if (isShort && await isBeginning(there, size, made)) return true;
    }
    return isOwn
      ? this.#refuse(changedText([path]))
      : this.#refuse(`"${there}" was not made by this command, remove it or give another --out`);
  }

  /** Whether an own file that is no longer made is still what this tool made. */
  async #isStale(path: string): Promise<boolean> {
    for (const parent of parentsOf(path)) {
      if ((await entryAt(join(this.#target.root, parent)))?.isDirectory !== true) return false;
    }
    const there = join(this.#target.root, path);
    if ((await entryAt(there))?.isFile !== true) return false;
    return this.#known.get(path)!.has(await sha256File(there));
  }

  async plan(contents: readonly OwnFile[], madeAt: (path: string) => string): Promise<Plan> {
    const directories = await missingDirectories(this.#target, contents);
    const moves: string[] = [], stale: string[] = [];
    for (const own of contents) {
      if (await this.#isToMove(own, madeAt(own.path))) moves.push(own.path);
    }
    const made = new Set(contents.map(({ path }) => path));
    for (const path of this.#known.keys()) {
      if (!made.has(path) && await this.#isStale(path)) stale.push(path);
    }
    return { directories, moves, stale };
  }
}

/** `a, b and 3 more differ from their receipt, pass --force to make them again`. */
export function changedText(paths: readonly string[]): string {
  const [shown, rest] = [paths.slice(0, 3).join(", "), paths.length - 3];
  const names = rest > 0 ? `${shown} and ${rest} more` : shown;
  return paths.length === 1
    ? `${names} differs from its receipt, pass --force to make it again or give another --out`
    : `${names} differ from their receipt, pass --force to make them again or give another --out`;
}

/** Removes a file, and the directories of its path that are empty then. */
function removeFile(root: string, path: string): void {
  Deno.removeSync(join(root, path));
  for (const parent of parentsOf(path).toReversed()) {
    try {
      Deno.removeSync(join(root, parent));
    } catch {
      return; // It holds something else.
    }
  }
}

/** Replaces the receipt by one of the staging. */
function placeReceipt({ receipt }: Target, staged: string): void {
  Deno.renameSync(staged, receipt);
  syncEntrySync(dirname(receipt));
}

/** Nothing comes between these steps but an end of the process, and after any of them the receipt says what to do. */
function carryOut(
  { directories, moves, stale }: Plan,
  { target, madeAt, unfinished, finished }: {
    readonly target: Target;
    readonly madeAt: (path: string) => string;
    readonly unfinished: string;
    readonly finished: string;
  },
): void {
  const { root } = target;
  placeReceipt(target, unfinished);
  for (const directory of directories) Deno.mkdirSync(join(root, directory));
  for (const path of moves) Deno.renameSync(madeAt(path), join(root, path));
  for (const path of stale) removeFile(root, path);
  const touched = new Set(["", ...moves.flatMap(parentsOf), ...directories]);
  for (const directory of touched) syncEntrySync(join(root, directory));
  placeReceipt(target, finished);
}

/** Writes the two receipts beside what was made, so that moving them later needs no space. */
async function stageReceipts(
  directory: string,
  receipt: Receipt,
  former: readonly OwnFile[],
): Promise<{ readonly unfinished: string; readonly finished: string }> {
  const paths = {
    unfinished: join(directory, "unfinished.json"),
    finished: join(directory, "finished.json"),
  };
  await Deno.writeTextFile(paths.unfinished, receiptText({ ...receipt, former }));
  await Deno.writeTextFile(paths.finished, receiptText(receipt));
  for (const path of Object.values(paths)) await syncEntry(path);
  return paths;
}

/** A new directory appears whole, receipt and all. */
async function placeWhole(
  target: Target,
  { payload }: Staging,
  receipt: Receipt,
): Promise<void> {
  await Deno.writeTextFile(receiptPath(payload, "directory"), receiptText(receipt));
  await syncPath(payload);
  await Deno.rename(payload, target.path);
  await syncEntry(dirname(target.path));
}

/**
 * Moves what was made into place. Foreign files are never moved, replaced or removed.
 *
 * @throws {Failure} `output`: a file in the place is not this tool's, or was changed and there is no `--force`; then
 * nothing has been touched
 */
export async function place(
  target: Target,
  staging: Staging,
  { receipt, contents, ownership }: {
    readonly receipt: Receipt;
    readonly contents: readonly OwnFile[];
    readonly ownership: Ownership;
  },
): Promise<void> {
  if (target.kind === "directory" && !target.isThere) {
    return await placeWhole(target, staging, receipt);
  }
  const madeAt = (path: string) =>
    target.kind === "file" ? staging.payload : join(staging.payload, path);
  const plan = await new Planner(target, ownership).plan(contents, madeAt);
  await syncPath(staging.payload);
  const receipts = await stageReceipts(staging.directory, receipt, ownership.files);
  carryOut(plan, { target, madeAt, ...receipts });
}

/** Ends a move that was interrupted when all files were there already. */
export async function finishPlacing(
  target: Target,
  staging: Staging,
  { receipt, contents }: { readonly receipt: Receipt; readonly contents: readonly OwnFile[] },
): Promise<void> {
  const { former = [], ...finished } = receipt;
  const ownership = { files: [...former, ...contents], force: false, everything: false };
  const plan = await new Planner(target, ownership).plan(contents, () => "");
  const receipts = await stageReceipts(staging.directory, finished, former);
  carryOut(plan, { target, madeAt: () => "", ...receipts });
}
