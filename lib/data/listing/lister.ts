/** Walks a folder of images, and follows its links. */
import { join } from "node:path";
import { Failure, messageOf } from "../../failure.ts";
import { systemCode, systemReason } from "../../files/mod.ts";
import { hasImageExtension, hasRawExtension, SNIFF_BYTES, sniffFormat } from "../../images/mod.ts";
import { type Entry, readEntries } from "./entries.ts";
import { expectLasting } from "./passing_error.ts";
import { isHidden, isOfSystem, saysOtherFile } from "./names.ts";
import { compareText, isInside } from "./paths.ts";
import { LARGEST_STAND_IN, standInReason } from "../../files/mod.ts";

/** A file that is an image by its extension or its first bytes. */
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

/** Entries that were left out: their number, and the first few. */
export interface Tally {
  readonly count: number;
  readonly examples: readonly string[];
}

const NOT_UTF8 = "its name is not UTF-8, rename it";

const EXAMPLES_KEPT = 3;

class GrowingTally {
  count = 0;
  readonly examples: string[] = [];

  add(path: string): void {
    if (this.count++ < EXAMPLES_KEPT) this.examples.push(path);
  }
}

/** Short words for errors of the file system, without our own path in them. */
function reasonOf(path: string, error: unknown, isLink: boolean): string {
  expectLasting(path, error);
  if (systemCode(error) === "ENOENT") {
    return isLink ? "a link that leads nowhere" : "it is gone since its folder was read";
  }
  return `not readable: ${
    systemReason(path, error) ?? messageOf(error).replace(/: \w+ '.*'$/s, "")
  }`;
}

async function readFirstBytes(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(SNIFF_BYTES);
  return buffer.subarray(0, await file.read(buffer) ?? 0);
}

/** An entry with its path relative to the images folder, and its real path. */
interface Place extends Entry {
  readonly path: string;
  readonly full: string;
}

/** Walks a folder of images; its fields hold the findings, in no order. */
export class Lister {
  readonly images: ImageFile[] = [];
  readonly unreadable: BadFile[] = [];
  readonly unreadableFolders: BadFile[] = [];
  readonly hidden = new GrowingTally();
  readonly ofSystems = new GrowingTally();
  readonly deadLinks = new GrowingTally();
  readonly loops: string[] = [];
  readonly repeats: string[] = [];
  readonly followed: string[] = [];
  ignored = 0;
  readonly #root: string;
  readonly #exclude: ReadonlySet<string>;
  readonly #mostImages: number;
  /** Real paths of the folders that were read: inode numbers would not do, since those above 2^53 are rounded. */
  readonly #read = new Set<string>();
  #links: { readonly path: string; readonly target: string }[] = [];

  /** The paths are real paths. */
  constructor(root: string, exclude: readonly string[], mostImages: number) {
    this.#root = root;
    this.#exclude = new Set(exclude);
    this.#mostImages = mostImages;
  }

  /** Real folders come first, then links sorted by path, so that the path of a linked folder is deterministic. */
  async list(): Promise<void> {
    await this.#listFolder("", this.#root);
    while (this.#links.length > 0) {
      const links = this.#links.sort((a, b) => compareText(a.path, b.path));
      this.#links = [];
      for (const { path, target } of links) await this.#followLink(path, target);
    }
  }

  async #followLink(path: string, target: string): Promise<void> {
    if ([...this.#exclude].some((excluded) => isInside(target, excluded))) return;
    if (isInside(this.#root, target)) this.loops.push(path);
    else if (this.#read.has(target)) this.repeats.push(path);
    else {
      this.followed.push(path);
      await this.#listFolder(path, target);
    }
  }

  async #listFolder(path: string, folder: string): Promise<void> {
    this.#read.add(folder);
    let entries: Entry[];
    try {
      entries = await readEntries(folder);
    } catch (error) {
      const reason = reasonOf(folder, error, false);
      if (path === "") {
        throw new Failure("missing", `Cannot read images: "${this.#root}" is ${reason}`);
      }
      this.unreadableFolders.push({ path: `${path}/`, reason });
      return;
    }
    for (const entry of entries.sort((a, b) => compareText(a.name, b.name))) {
      const inside = path === "" ? entry.name : `${path}/${entry.name}`;
      await this.#listEntry({ ...entry, path: inside, full: join(folder, entry.name) });
    }
  }

  async #listEntry(place: Place): Promise<void> {
    const { name, path, full } = place;
    if (this.#exclude.has(full)) return;
    if (isHidden(name)) return this.hidden.add(path);
    if (isOfSystem(name)) return this.ofSystems.add(path);
    if (!place.usable) return this.#addUnreadable(place, NOT_UTF8);
    let info: Deno.FileInfo;
    try {
      info = await Deno.stat(full);
      if (info.isDirectory && place.kind === "link") {
        this.#links.push({ path, target: await Deno.realPath(full) });
        return;
      }
    } catch (error) {
      return this.#addUnreadable(place, reasonOf(full, error, place.kind === "link"));
    }
    if (!info.isDirectory) await this.#listFile(place, info);
    else if (this.#read.has(full)) this.repeats.push(path);
    else await this.#listFolder(path, full);
  }

  /** An unreadable entry counts as what its name indicates; a link without an extension may have been a folder. */
  #addUnreadable({ name, kind, path }: Place, reason: string): void {
    if (kind === "folder") this.unreadableFolders.push({ path: `${path}/`, reason });
    else if (hasImageExtension(name)) this.unreadable.push({ path, reason });
    else if (saysOtherFile(name)) {
      // A dead link such as notes.txt loses no image.
      if (kind === "link") this.deadLinks.add(path);
      this.ignored++;
    } else if (kind === "link") this.unreadableFolders.push({ path, reason });
    else this.unreadable.push({ path, reason });
  }

  async #listFile(place: Place, info: Deno.FileInfo): Promise<void> {
    const { name, path, full } = place;
    const claimed = hasImageExtension(name);
    if (!info.isFile) {
      // Reading a pipe would block.
      if (claimed) this.unreadable.push({ path, reason: "not a regular file" });
      else this.ignored++;
      return;
    }
    if (hasRawExtension(name)) {
      const reason = "a raw camera file, convert it to JPEG or TIFF first";
      this.unreadable.push({ path, reason });
      return;
    }
    if (!claimed || info.size <= LARGEST_STAND_IN) {
      const first = await readFirstBytes(full).catch((error) => reasonOf(full, error, false));
      if (typeof first === "string") {
        // A file with an image's extension is read again later, and gets its reason then.
        if (!claimed) return this.#addUnreadable(place, first);
      } else {
        const reason = saysOtherFile(name) ? undefined : standInReason(first);
        if (reason !== undefined) return void this.unreadable.push({ path, reason });
        if (!claimed && !sniffFormat(first)?.supported) return void this.ignored++;
      }
    }
    if (this.images.length === this.#mostImages) {
      throw new Failure(
        "data",
        `Cannot read images: "${this.#root}" holds more than ${this.#mostImages} images, give the folders in it ` +
          "one by one",
      );
    }
    this.images.push({ path, bytes: info.size, modified: info.mtime?.getTime() ?? 0 });
  }
}
