/** Writes the tar files of one split. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { writeAll } from "../files/mod.ts";
import { packMembers, TAR_END, type TarMember } from "../formats/tar.ts";
import { type SampleOffsets, type ShardFile, shardFileName } from "./manifest.ts";

/** A tar file that is being written. */
class OpenShard {
  readonly file: string;
  readonly #handle: Deno.FsFile;
  readonly #hash = createHash("sha256");
  readonly #offsets: SampleOffsets[] = [];
  #bytes = 0;

  constructor(file: string, handle: Deno.FsFile) {
    this.file = file;
    this.#handle = handle;
  }

  get images(): number {
    return this.#offsets.length;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    await writeAll(this.#handle, bytes);
  }

  async add(members: readonly TarMember[]): Promise<void> {
    const { parts, starts } = await packMembers(members);
    const [image, json] = members;
    this.#offsets.push([
      this.#bytes + starts[0]!,
      image!.data.length,
      this.#bytes + starts[1]!,
      json!.data.length,
    ]);
    for (const part of parts) await this.#write(part);
  }

  async finish(): Promise<ShardFile> {
    await this.#write(TAR_END);
    this.close();
    return {
      file: this.file,
      images: this.images,
      bytes: this.#bytes,
      sha256: this.#hash.digest("hex"),
      offsets: this.#offsets,
    };
  }

  close(): void {
    this.#handle.close();
  }
}

/** Writes the samples of one split into `SPLIT-000000.tar`, `SPLIT-000001.tar` and so on. */
export class ShardWriter implements Disposable {
  readonly #directory: string;
  readonly #split: string;
  readonly #shardImages: number;
  readonly #finished: ShardFile[] = [];
  #open: OpenShard | undefined;

  constructor(
    directory: string,
    split: string,
    { shardImages }: { readonly shardImages: number },
  ) {
    this.#directory = directory;
    this.#split = split;
    this.#shardImages = shardImages;
  }

  /** Adds one sample: the image first, then its `.json`, then others; all names begin with the same key. */
  async add(members: readonly TarMember[]): Promise<void> {
    if (this.#open === undefined) {
      const file = shardFileName(this.#split, this.#finished.length);
      const handle = await Deno.open(join(this.#directory, file), { write: true, createNew: true });
      this.#open = new OpenShard(file, handle);
    }
    await this.#open.add(members);
    if (this.#open.images === this.#shardImages) await this.#finishShard();
  }

  async #finishShard(): Promise<void> {
    if (this.#open === undefined) return;
    this.#finished.push(await this.#open.finish());
    this.#open = undefined;
  }

  /** Ends the last file. @returns what was written */
  async finish(): Promise<readonly ShardFile[]> {
    await this.#finishShard();
    return this.#finished;
  }

  [Symbol.dispose](): void {
    this.#open?.close();
    this.#open = undefined;
  }
}
