/** Where a dataset's images come from: an interface, and the one source there is, a folder. */
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { DECODE_BYTES } from "../images/mod.ts";
import type { ImageListing } from "./listing.ts";

/** Images by their paths in a source. */
export interface ImageSource {
  /** All images, sorted by path, by code unit. */
  readonly entries: readonly { readonly path: string }[];
  /** Another one where an image may have changed. */
  readonly fingerprint: string;
  /** What messages call an image. */
  nameOf(path: string): string;
  /** Bytes that an image takes in memory when it is read, 0 where that is not known. */
  sizeOf(path: string): Promise<number>;
  /**
   * The whole file of an image.
   *
   * @throws {Failure} `data`: it is larger than what decoding may take
   * @throws errors of the system: it cannot be read
   */
  read(path: string): Promise<Uint8Array>;
}

/** The images of a folder. */
export class FolderSource implements ImageSource {
  readonly entries: ImageListing["images"];
  readonly fingerprint: string;
  readonly #root: string;

  constructor(root: string, { images, fingerprint }: Pick<ImageListing, "images" | "fingerprint">) {
    this.#root = root;
    this.entries = images;
    this.fingerprint = fingerprint;
  }

  nameOf(path: string): string {
    return join(this.#root, path);
  }

  sizeOf(path: string): Promise<number> {
    return Deno.stat(this.nameOf(path)).then(({ size }) => size, () => 0);
  }

  async read(path: string): Promise<Uint8Array> {
    const { size } = await Deno.stat(this.nameOf(path));
    if (size > DECODE_BYTES) {
      const [got, wanted] = [size, DECODE_BYTES].map((bytes) => `${Math.ceil(bytes / 1e6)} MB`);
      throw new Failure(
        "data",
        `Cannot decode: the file is over the limit: ${got}, wanted at most ${wanted}, make it smaller`,
      );
    }
    return await Deno.readFile(this.nameOf(path));
  }
}
