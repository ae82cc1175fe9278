/** Whether images are the same as before: by their times, which costs nothing, else by their contents. */
import { join } from "node:path";
import { forEachConcurrently, sha256, sha256File, sha256Lines } from "../../files/mod.ts";
import { DECODE_BYTES } from "../../images/mod.ts";
import type { ImageListing } from "../listing.ts";
import { expectLasting } from "./passing_error.ts";

/** What a receipt records of a folder of images. */
export interface FolderRecord {
  /** Over paths and contents. Earlier versions recorded the times in its place. */
  readonly sha256: string;
  /** Over paths and sizes. */
  readonly sizesSha256?: string;
  /** Over paths, sizes and times. */
  readonly timesSha256?: string;
}

const READS_IN_FLIGHT = 8;

/** The hash of a file, `null` where it cannot be read. */
async function hashOf(path: string): Promise<string | null> {
  try {
    return await sha256File(path);
  } catch (error) {
    expectLasting(path, error);
    return null;
  }
}

/** Hashes of all images of a listing. Images read for another purpose are added; the rest is read here. */
export class ImageContents {
  readonly #listing: ImageListing;
  readonly #root: string;
  readonly #places: ReadonlyMap<string, number>;
  /** `null` where a file cannot be read, or is over the size limit. */
  readonly #hashes: (string | null | undefined)[];

  /** @param root folder of the images */
  constructor(listing: ImageListing, root: string) {
    this.#listing = listing;
    this.#root = root;
    this.#places = new Map(listing.images.map(({ path }, index) => [path, index]));
    this.#hashes = Array(listing.images.length);
  }

  /** Adds an image that was read whole. */
  add(path: string, bytes: Uint8Array): void {
    this.#hashes[this.#places.get(path)!] = sha256(bytes);
  }

  /** SHA-256 over paths and contents, and over the paths and reasons of the unreadable files. */
  async sha256(): Promise<string> {
    const { images, unreadable } = this.#listing;
    await forEachConcurrently(images.entries(), async ([index, { path, bytes }]) => {
      this.#hashes[index] ??= bytes > DECODE_BYTES ? null : await hashOf(join(this.#root, path));
    }, { inFlight: READS_IN_FLIGHT });
    const hashes = this.#hashes;
    return sha256Lines(function* () {
      for (const [index, { path }] of images.entries()) yield JSON.stringify([path, hashes[index]]);
      for (const { path, reason } of unreadable) yield JSON.stringify([path, reason]);
    }());
  }
}

/** What a receipt records of these images; `sha256` is over their contents once that is known. */
export function folderRecord(listing: ImageListing, sha256: string): Required<FolderRecord> {
  return { sha256, sizesSha256: listing.outline, timesSha256: listing.fingerprint };
}

/**
 * The hash over the contents of images that were recorded earlier, or `undefined` when they certainly differ. They are
 * read only where sizes are equal and times are not.
 *
 * @param onCompare called before the images are read
 */
export async function recallContents(
  listing: ImageListing,
  { root, earlier, onCompare }: {
    readonly root: string;
    readonly earlier: FolderRecord | undefined;
    readonly onCompare: () => void;
  },
): Promise<string | undefined> {
  if (earlier === undefined) return undefined;
  if ((earlier.timesSha256 ?? earlier.sha256) === listing.fingerprint) return earlier.sha256;
  if (earlier.sizesSha256 !== listing.outline) return undefined;
  onCompare();
  return await new ImageContents(listing, root).sha256();
}
