/** The memory limit that all decoders of a process share, across threads. */

/** Memory that decoding may take at once, bytes: with files and the rest of the process it stays below 1 GB. */
export const DECODE_BYTES = 480 * 2 ** 20;

/** Indices of the shared numbers. */
const TICKETS = 0, SERVED = 1, USED = 2;
const UNIT_BYTES = 1024;
const ALL_UNITS = DECODE_BYTES / UNIT_BYTES;

/** Short beside what a wait is for: a large image, or an image that is judged alone. */
const WAIT_MILLISECONDS = 2;

/**
 * Waits until the condition holds. `Atomics.waitAsync` would be told at once, but a process that waits for nothing else
 * is ended by Deno (2.9).
 */
async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, WAIT_MILLISECONDS));
}

/**
 * Memory for decoding, shared by all who decode, in one thread or in several: who needs more than is left waits until
 * others are through. First come, first served, so that a large image is not overtaken for ever.
 */
export class DecodeBudget {
  /** Hand it to other threads: budgets of the same numbers are one. */
  readonly shared: SharedArrayBuffer;
  readonly #numbers: Int32Array<SharedArrayBuffer>;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(12)) {
    this.shared = shared;
    this.#numbers = new Int32Array(shared);
  }

  /** Runs work that takes so much memory; more than {@link DECODE_BYTES} are taken as all of it. */
  async use<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const units = Math.min(ALL_UNITS, Math.ceil(bytes / UNIT_BYTES));
    await this.#take(units);
    try {
      return await work();
    } finally {
      Atomics.sub(this.#numbers, USED, units);
    }
  }

  /** Runs work while nothing else is decoded. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    return await this.use(DECODE_BYTES, work);
  }

  async #take(units: number): Promise<void> {
    const numbers = this.#numbers;
    const ticket = Atomics.add(numbers, TICKETS, 1);
    await waitUntil(() => Atomics.load(numbers, SERVED) === ticket);
    await waitUntil(() => Atomics.load(numbers, USED) + units <= ALL_UNITS);
    Atomics.add(numbers, USED, units);
    Atomics.add(numbers, SERVED, 1);
  }
}
