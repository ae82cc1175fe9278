/** The Mersenne Twister of PyTorch's CPU generator. */

const SIZE = 624;
const MIDDLE = 397;

/**
 * MT19937 (Matsumoto and Nishimura, 1998), seeded by its `init_genrand`. Only the `reference` masks use it, to repeat
 * the numbers of a PyTorch CPU generator; everything else is a `RandomStream`.
 */
export class MersenneTwister {
  readonly #state = new Uint32Array(SIZE);
  #next = SIZE;

  /** @param seed an integer from 0 to 2^32 - 1 */
  constructor(seed: number) {
    this.#state[0] = seed;
    for (let i = 1; i < SIZE; i++) {
      const previous = this.#state[i - 1]!;
      this.#state[i] = Math.imul(previous ^ (previous >>> 30), 1812433253) + i;
    }
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < SIZE; i++) {
      const joined = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
      const twisted = (joined >>> 1) ^ ((joined & 1) === 0 ? 0 : 0x9908b0df);
      state[i] = state[(i + MIDDLE) % SIZE]! ^ twisted;
    }
    this.#next = 0;
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    if (this.#next === SIZE) this.#refill();
    let value = this.#state[this.#next++]!;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    value ^= value >>> 18;
    return value >>> 0;
  }

  /** A number in [0, 1) with 24 bits, as PyTorch draws a float32. */
  uniform(): number {
    return (this.uint32() & 0xffffff) / 0x1000000;
  }

  /** An integer in [0, bound), as PyTorch draws it: the remainder, with its (here negligible) bias. */
  integer(bound: number): number {
    return this.uint32() % bound;
  }
}
