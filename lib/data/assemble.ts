import { Failure, messageOf } from "../failure.ts";
import { RandomStream } from "../random/mod.ts";
import { randomCrop } from "./crop.ts";
import { decodeImage, type RgbImage } from "./decode.ts";
import type { BatchRequest, BatchSpec } from "./loader_messages.ts";
import { Resampler } from "./resample.ts";
import { openShards, type Shards, type ShardSplit } from "./shards.ts";

/** Images that are read and decoded at the same time; more bring nothing (sharp's pool has four threads). */
const IN_FLIGHT = 8;

/**
 * Makes batches: reads, decodes, crops, normalises. A batch is a pure function of the specification, the step and the
 * image numbers; the cache of decoded images decides only how fast it is there.
 */
export class BatchAssembler implements AsyncDisposable {
  readonly #spec: BatchSpec;
  readonly #shards: Shards;
  readonly #split: ShardSplit;
  readonly #resampler: Resampler;
  readonly #decoded = new Map<number, RgbImage>();
  #freeBytes: number;
  #stopped = false;

  private constructor(
    spec: BatchSpec,
    { shards, cacheBytes }: { readonly shards: Shards; readonly cacheBytes: number },
  ) {
    this.#spec = spec;
    this.#shards = shards;
    this.#split = shards.split(spec.split);
    this.#resampler = new Resampler(spec);
    this.#freeBytes = cacheBytes;
  }

  /**
   * Opens the shards.
   *
   * @param options `cacheBytes`: decoded images are kept for the next epoch up to this size
   * @throws {Failure} as `openShards`
   */
  static async open(
    spec: BatchSpec,
    { cacheBytes }: { readonly cacheBytes: number },
  ): Promise<BatchAssembler> {
    return new BatchAssembler(spec, { shards: await openShards(spec.shards), cacheBytes });
  }

  /**
   * Fills `images` [B 3 H W] with crops of the given samples.
   *
   * @throws {Failure} `data`: an image does not decode; it is never left out
   */
  async fill({ step, samples, images }: BatchRequest): Promise<void> {
    let next = 0, failed = false;
    const fillRows = async () => {
      while (next < samples.length && !failed && !this.#stopped) {
        const row = next++;
        try {
          this.#crop(await this.#decode(samples[row]!), { step, row, images });
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    // All must have ended before the caller moves the memory or ends the thread.
    const ended = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, fillRows));
    const failure = ended.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  /** Lets a `fill` that is under way end soon, with whatever it has. */
  stop(): void {
    this.#stopped = true;
  }

  async #decode(sample: number): Promise<RgbImage> {
    const known = this.#decoded.get(sample);
    if (known !== undefined) return known;
    const bytes = await this.#split.readImage(sample);
    let image: RgbImage;
    try {
      image = await decodeImage(bytes);
    } catch (error) {
      throw new Failure("data", await this.#describe(sample, messageOf(error)), { cause: error });
    }
    if (image.data.byteLength <= this.#freeBytes && !this.#decoded.has(sample)) {
      this.#freeBytes -= image.data.byteLength;
      this.#decoded.set(sample, image);
    }
    return image;
  }

  #crop(
    image: RgbImage,
    { step, row, images }:
      & { readonly step: number; readonly row: number }
      & Pick<
        BatchRequest,
        "images"
      >,
  ): void {
    const { seed, crop, size: [height, width] } = this.#spec;
    const stream = new RandomStream({ seed, purpose: "crop", step, sample: row });
    const { box, flip } = randomCrop(image, crop, stream);
    this.#resampler.write(image, { box, flip, output: images, at: row * 3 * height * width });
  }

  async #describe(sample: number, reason: string): Promise<string> {
    let first = 0;
    const shard = this.#shards.manifest.splits[this.#split.name]!.shards.find(({ images }) =>
      sample < (first += images)
    );
    const { key, path } = await this.#split.readSample(sample);
    return `Cannot train on "${this.#shards.directory}": sample "${key}" (from "${path}") in ` +
      `"${shard?.file}" does not decode (${reason}), run shard again, which sets such images aside`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#decoded.clear();
    await this.#split[Symbol.asyncDispose]();
  }
}
