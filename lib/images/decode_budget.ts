/** The memory limit that all decoders of a process share, across threads. */

/** Memory that decoding may take at once, bytes: with files and the rest of the process it stays below 1 GB. */
export const DECODE_BYTES = 480 * 2 ** 20;

/** Indices of the shared numbers. */
const TICKETS = 0, SERVED = 1, USED = 2;
const UNIT_BYTES = 1024;
const ALL_UNITS = DECODE_BYTES / UNIT_BYTES;

/** Polling interval. Short beside the usual wait for a large image or an exclusive decode. */
const WAIT_MILLISECONDS = 2;

/**
 * Waits until the condition holds. Polls, because Deno (2.9) ends a process that waits for nothing but
 * `Atomics.waitAsync`.
 */
async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, WAIT_MILLISECONDS));
}

/**
 * Memory for decoding, shared by all decoders of one or several threads: a request for more than is left waits. First
 * come, first served, so that large images do not starve.
 */
export class DecodeBudget {
  /** Pass it to other threads: budgets over the same buffer share their memory. */
  readonly shared: SharedArrayBuffer;
  readonly #numbers: Int32Array<SharedArrayBuffer>;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(12)) {
    this.shared = shared;
    this.#numbers = new Int32Array(shared);
  }

  /** Runs work that takes so much memory, at most {@link DECODE_BYTES}. */
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
