/** Makes training batches from shards; runs inside a loader worker. */
import { Failure } from "../failure.ts";
import {
  type DecodeBudget,
  freeData,
  randomCrop,
  Resampler,
  type RgbImage,
  useImage,
} from "../images/mod.ts";
import { RandomStream } from "../random/mod.ts";
import type { BatchRequest, BatchSpec } from "./loader_messages.ts";
import type { ShardSplit } from "./shard_split.ts";
import { openShards, type Shards } from "./shards.ts";

/** Memory limits of a worker. */
export interface AssemblerMemory {
  /** Decoded images are kept for the next epoch up to this size, bytes. */
  readonly cacheBytes: number;
  /** For decoding, shared by all workers. */
  readonly budget: DecodeBudget;
}

/** Where a crop goes. */
interface Place extends Pick<BatchRequest, "step" | "images"> {
  readonly row: number;
}

/** Images that are read and decoded at the same time; more bring nothing (sharp's pool has four threads). */
const IN_FLIGHT = 8;

/**
 * Makes batches: reads, decodes, crops, normalises. A batch is a pure function of the specification, the step and the
 * image numbers; the cache of decoded images changes only the time it takes.
 */
export class BatchAssembler implements AsyncDisposable {
  readonly #spec: BatchSpec;
  readonly #shards: Shards;
  readonly #split: ShardSplit;
  readonly #resampler: Resampler;
  readonly #decoded = new Map<number, RgbImage>();
  readonly #budget: DecodeBudget;
  #freeBytes: number;
  #stopped = false;

  private constructor(
    spec: BatchSpec,
    { shards, cacheBytes, budget }: AssemblerMemory & { readonly shards: Shards },
  ) {
    this.#spec = spec;
    this.#shards = shards;
    this.#split = shards.split(spec.split);
    this.#resampler = new Resampler(spec);
    this.#budget = budget;
    this.#freeBytes = cacheBytes;
  }

  /**
   * Opens the shards.
   *
   * @throws {Failure} as `openShards`
   */
  static async open(spec: BatchSpec, memory: AssemblerMemory): Promise<BatchAssembler> {
    return new BatchAssembler(spec, { shards: await openShards(spec.shards), ...memory });
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
          await this.#fillRow(samples[row]!, { step, row, images });
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

  /** Makes a running `fill` return early, incomplete. */
  stop(): void {
    this.#stopped = true;
  }

  async #fillRow(sample: number, place: Place): Promise<void> {
    const known = this.#decoded.get(sample);
    if (known !== undefined) return this.#crop(known, place);
    const bytes = await this.#split.readImage(sample);
    try {
      await useImage(bytes, (image) => {
        this.#crop(image, place);
        this.#keepOrFree(sample, image);
      }, this.#budget);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure("data", await this.#describe(sample, error.message), { cause: error });
    }
  }

  #keepOrFree(sample: number, image: RgbImage): void {
    const bytes = image.data.byteLength;
    if (bytes > this.#freeBytes || this.#decoded.has(sample)) return freeData(image);
    this.#freeBytes -= bytes;
    this.#decoded.set(sample, image);
  }

  #crop(image: RgbImage, { step, row, images }: Place): void {
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
