/** Random numbers by key: the generator of everything but the `reference` masks. */
import { philox4x32 } from "./philox.ts";

/** The use of a random value within a run. Values of different keys are independent. */
export interface Key {
  /** The run's seed, an integer from 0 to 2^32 - 1. */
  readonly seed: number;
  /** What the values are for, for example `"crop"`. */
  readonly purpose: string;
  /** Training step, epoch or other coarse counter. @default 0 */
  readonly step?: number;
  /** Sample within the step, or other fine counter. @default 0 */
  readonly sample?: number;
}

/** FNV-1a, 32 bits: names become keys. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * The random values that belong to one key, drawn in order.
 *
 * @example The crop of one image does not depend on what was drawn before
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const key = { seed: 7, purpose: "crop", step: 1000, sample: 3 };
 * const scale = new RandomStream(key).uniform(0.3, 1);
 * assert.equal(new RandomStream(key).uniform(0.3, 1), scale);
 * assert.notEqual(new RandomStream({ ...key, sample: 4 }).uniform(0.3, 1), scale);
 * ```
 */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #step: number;
  readonly #sample: number;
  readonly #block = new Uint32Array(4);
  #blocks = 0;
  #used = 4;

  constructor({ seed, purpose, step = 0, sample = 0 }: Key) {
    this.#key = [seed >>> 0, hashName(purpose)];
    this.#step = step;
    this.#sample = sample;
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    if (this.#used === 4) {
      // The top word keeps the high bits of the step, so steps beyond 2^32 stay distinct.
      const high = Math.floor(this.#step / 0x100000000);
      philox4x32(
        [this.#blocks++, this.#sample >>> 0, this.#step >>> 0, high],
        this.#key,
        this.#block,
      );
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /** A number in [low, high), 53 bits fine. */
  uniform(low = 0, high = 1): number {
    const bits = (this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6);
    return low + (high - low) * (bits / 0x20000000000000);
  }

  /**
   * An unbiased integer in [0, bound).
   *
   * @throws {RangeError} `bound` is not an integer from 1 to 2^32
   */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 0x100000000) {
      throw new RangeError(`Cannot draw an integer: wanted a bound from 1 to 2^32, got ${bound}`);
    }
    const limit = Math.floor(0x100000000 / bound) * bound;
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % bound;
    }
  }

  /** A standard normal value (Box-Muller, the cosine branch only: no hidden state). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The integers 0 to `count` - 1 in random order (Fisher-Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swapped = order[i]!;
      order[i] = order[j]!;
      order[j] = swapped;
    }
    return order;
  }
}
