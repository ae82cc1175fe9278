/** Plans the move of an artefact into place, before anything is touched. */
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { sha256File } from "../files/mod.ts";
import { sizeOf } from "./contents.ts";
import type { OwnFile } from "./receipt.ts";
import { entryAt, type Target } from "./target.ts";

/** Which files at the path of an output are this tool's. */
export interface Ownership {
  /** Files listed in its receipt; an interrupted move has a path twice, with the old and the new content. */
  readonly files: readonly OwnFile[];
  /** `--force`: own files are replaced whatever they hold now. */
  readonly force: boolean;
  /** Every file with a name that will be written counts as own: there is no list to compare with. */
  readonly everything: boolean;
}

/** The steps of a move, decided before the first. */
export interface Plan {
  readonly directories: readonly string[];
  /** Own paths to move from the staging to the output. */
  readonly moves: readonly string[];
  /** Own paths that are no longer made. */
  readonly stale: readonly string[];
}

/** The parent directories of a path, from the outermost, without the root. */
export function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** Directories that the files of an output need and that do not exist. Links are not followed. */
export async function missingDirectories(
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

/** Whether a file is a truncated copy of another. */
async function isBeginning(path: string, bytes: number, whole: string): Promise<boolean> {
  return await sha256File(path) === await sha256File(whole, bytes);
}

/** Decides on every file, and refuses before the first is touched. */
export class Planner {
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

  /** @throws {Failure} `output`: a file in the place is not this tool's, or was changed and there is no `--force` */
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
