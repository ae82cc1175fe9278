import { join, relative, resolve } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { sha256 } from "../files/mod.ts";
import { hasImageExtension, hasRawExtension, SNIFF_BYTES, sniffFormat } from "./image_format.ts";

/** A file that claims to be an image, by its extension or its first bytes. */
export interface ImageFile {
  /** Relative to the images folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** A file that is left out, and why. */
export interface BadFile {
  readonly path: string;
  readonly reason: string;
}

/** What lies in a folder of images. */
export interface ImageListing {
  /** Sorted by path, by code unit. */
  readonly images: readonly ImageFile[];
  /** Files and folders that cannot be looked at; they would have been images, or held them. */
  readonly unreadable: readonly BadFile[];
  /** Number of visible files that are no images. */
  readonly ignored: number;
  /** Links to folders that contain them, not followed. */
  readonly loops: readonly string[];
  /** SHA-256 over paths, sizes and times: equal as long as nobody touches an image. */
  readonly fingerprint: string;
}

/** Orders text by code unit: the same on every machine, unlike a locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether the path is the folder itself or lies in it; both absolute. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith("../") && !way.startsWith("/"));
}

/** Short words for errors of the file system, without our own path in them. */
function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "a link that leads nowhere";
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return "not readable: permission denied";
  }
  return `not readable: ${messageOf(error).replace(/: \w+ '.*'$/, "")}`;
}

async function readFirstBytes(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(SNIFF_BYTES);
  return buffer.subarray(0, await file.read(buffer) ?? 0);
}

class Lister {
  readonly images: ImageFile[] = [];
  readonly unreadable: BadFile[] = [];
  readonly loops: string[] = [];
  ignored = 0;
  readonly #root: string;
  readonly #exclude: ReadonlySet<string>;

  /** Both are real paths. */
  constructor(root: string, exclude: ReadonlySet<string>) {
    this.#root = root;
    this.#exclude = exclude;
  }

  /** @param ancestors real paths of the folders that lead here, to notice a link back to one of them */
  async listFolder(path: string, ancestors: ReadonlySet<string>): Promise<void> {
    const folder = join(this.#root, path);
    const names: string[] = [];
    try {
      for await (const { name } of Deno.readDir(folder)) names.push(name);
    } catch (error) {
      if (path === "") {
        throw new Failure("missing", `Cannot read images: "${this.#root}" is ${reasonOf(error)}`);
      }
      this.unreadable.push({ path: `${path}/`, reason: reasonOf(error) });
      return;
    }
    for (const name of names) {
      if (name.startsWith(".")) continue;
      await this.#listEntry(path === "" ? name : `${path}/${name}`, ancestors);
    }
  }

  async #listEntry(path: string, ancestors: ReadonlySet<string>): Promise<void> {
    const full = join(this.#root, path);
    if (this.#exclude.has(full)) return;
    let info: Deno.FileInfo;
    try {
      info = await Deno.stat(full);
    } catch (error) {
      // A dead link called notes.txt is nobody's loss; one called cat.jpg is.
      if (hasImageExtension(path)) this.unreadable.push({ path, reason: reasonOf(error) });
      else this.ignored++;
      return;
    }
    if (info.isDirectory) {
      const real = await Deno.realPath(full);
      if (this.#exclude.has(real)) return;
      if (ancestors.has(real)) this.loops.push(path);
      else await this.listFolder(path, new Set([...ancestors, real]));
    } else await this.#listFile(path, info);
  }

  async #listFile(path: string, info: Deno.FileInfo): Promise<void> {
    const claimed = hasImageExtension(path);
    if (!info.isFile) {
      // A pipe would be waited for until somebody writes to it.
      if (claimed) this.unreadable.push({ path, reason: "not a regular file" });
      else this.ignored++;
      return;
    }
    if (hasRawExtension(path)) {
      const reason = "a raw camera file, convert it to JPEG or TIFF first";
      this.unreadable.push({ path, reason });
      return;
    }
    if (!claimed) {
      const first = await readFirstBytes(join(this.#root, path)).catch(() => new Uint8Array());
      if (!sniffFormat(first)?.supported) {
        this.ignored++;
        return;
      }
    }
    this.images.push({ path, bytes: info.size, modified: info.mtime?.getTime() ?? 0 });
  }
}

/**
 * Lists all images below a folder, however deep. Hidden files and folders are passed over, links are followed
 * except back into a folder that is being listed.
 *
 * @param exclude files and folders to leave out, for example the output of an earlier run
 * @throws {Failure} `missing`: the folder itself cannot be read
 */
export async function listImages(
  root: string,
  { exclude = [] }: { readonly exclude?: readonly string[] } = {},
): Promise<ImageListing> {
  const realRoot = await Deno.realPath(root);
  const excluded = await Promise.all(
    exclude.map((path) => Deno.realPath(path).catch(() => resolve(path))),
  );
  const lister = new Lister(realRoot, new Set(excluded));
  await lister.listFolder("", new Set([realRoot]));
  const images = lister.images.sort((a, b) => compareText(a.path, b.path));
  const unreadable = lister.unreadable.sort((a, b) => compareText(a.path, b.path));
  const lines = [
    ...images.map(({ path, bytes, modified }) => JSON.stringify([path, bytes, modified])),
    ...unreadable.map(({ path, reason }) => JSON.stringify([path, reason])),
  ];
  return {
    images,
    unreadable,
    ignored: lister.ignored,
    loops: lister.loops.sort(),
    fingerprint: sha256(lines.join("\n")),
  };
}
