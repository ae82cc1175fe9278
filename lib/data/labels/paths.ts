/** Maps cells of a table to images: by path, or by a guess where no path matches. */
import { relative, resolve } from "node:path";

/** A way to find the image that a cell names. */
export interface Reading {
  /** How it was guessed, for messages; `undefined` for the path itself. */
  readonly guess: string | undefined;
  find(cell: string): string | undefined;
}

function unicodePath(path: string): string {
  // The same name may be composed in the table and decomposed on the disk (macOS).
  return path.normalize("NFC");
}

/** The path a cell means, relative to the images folder and with `/`. */
export function pathOf(cell: string, root: string): string {
  return relative(root, resolve(root, cell.replaceAll("\\", "/")));
}

/** Images by a key that several may have; those are never found by it. */
class Lookup {
  readonly #found = new Map<string, string | null>();

  constructor(images: Iterable<string>, keyOf: (path: string) => string | undefined) {
    for (const path of images) {
      const key = keyOf(path);
      if (key !== undefined) this.#found.set(key, this.#found.has(key) ? null : path);
    }
  }

  find(key: string): string | undefined {
    return this.#found.get(key) ?? undefined;
  }
}

function lastParts(path: string, count: number): string | undefined {
  const parts = path.split("/");
  return parts.length < count ? undefined : parts.slice(-count).join("/");
}

function withoutExtension(path: string): string {
  return path.replace(/(?<=[^/])\.[^./]*$/, "");
}

/** Path segments compared at most. */
const MOST_PARTS = 16;

/**
 * The readings of a table, the most trusted first: the path; without regard to letter case; the end of the path, where
 * table or folder has further folders in front; the file name alone; the name without its extension.
 *
 * @param root absolute path of the images folder
 */
export function* readingsOf(images: readonly string[], root: string): Iterable<Reading> {
  const known = new Set(images);
  let byComposed: Lookup | undefined;
  function findComposed(path: string): string | undefined {
    byComposed ??= new Lookup(images, unicodePath);
    return byComposed.find(unicodePath(path));
  }
  function findPath(cell: string): string | undefined {
    if (known.has(cell)) return cell;
    const path = pathOf(cell.trim(), root);
    return known.has(path) ? path : findComposed(path);
  }
  yield { guess: undefined, find: findPath };

  const anyCase = new Lookup(images, (path) => unicodePath(path).toLowerCase());
  yield {
    guess: "without regard to letter case",
    find: (cell) => anyCase.find(unicodePath(pathOf(cell.trim(), root)).toLowerCase()),
  };

  const ends = new Map<number, Lookup>();
  function findEnd(path: string, parts: number): string | undefined {
    let lookup = ends.get(parts);
    if (lookup === undefined) {
      lookup = new Lookup(images, (image) => lastParts(unicodePath(image), parts));
      ends.set(parts, lookup);
    }
    return lookup.find(path);
  }
  const wanted = (cell: string) =>
    unicodePath(cell.trim().replaceAll("\\", "/")).replace(/^(\.?\/)+/, "");
  yield {
    guess: "by the end of its path",
    find(cell) {
      const path = wanted(cell), parts = path.split("/");
      if (parts.length > MOST_PARTS) return undefined;
      for (let from = 1; from < parts.length; from++) {
        const image = findComposed(parts.slice(from).join("/"));
        if (image !== undefined) return image;
      }
      return findEnd(path, parts.length);
    },
  };
  yield {
    guess: "by its file name alone",
    find: (cell) => findEnd(wanted(cell).split("/").at(-1)!, 1),
  };

  const stems = new Lookup(images, (path) => withoutExtension(unicodePath(path)));
  const names = new Lookup(images, (path) => withoutExtension(lastParts(unicodePath(path), 1)!));
  yield {
    guess: "by its name without extension",
    find: (cell) => stems.find(wanted(cell)) ?? names.find(wanted(cell)),
  };
}
