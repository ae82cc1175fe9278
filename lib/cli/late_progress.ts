/** Progress of work that is often short: shown only when it is not. */
import { Progress, type ProgressOptions } from "./progress.ts";

/** Shorter work shows nothing. */
const MILLISECONDS_BEFORE = 2000;

/** What is counted; the total comes with the counts. */
export interface LateProgressOptions extends Pick<ProgressOptions, "stage" | "label" | "unit"> {
  /** How many of what is counted make a unit, for example 1e6 bytes. @default 1 */
  readonly perUnit?: number;
}

/** A display that appears two seconds after the first count. A smaller count or another total begins anew. */
class LateProgress implements Disposable {
  readonly #options: LateProgressOptions;
  #started = performance.now();
  #before = { done: 0, total: 0 };
  #progress: Progress | undefined;

  constructor(options: LateProgressOptions) {
    this.#options = options;
  }

  update(done: number, total: number): void {
    if (done < this.#before.done || total !== this.#before.total) this.#beginAnew();
    this.#before = { done, total };
    if (performance.now() - this.#started < MILLISECONDS_BEFORE) return;
    const { perUnit = 1, ...shown } = this.#options;
    const units = Math.floor(done / perUnit);
    // What was done before is no part of the speed.
    this.#progress ??= new Progress({ ...shown, total: Math.ceil(total / perUnit), start: units });
    this.#progress.update(units);
  }

  #beginAnew(): void {
    this.#progress?.close();
    this.#progress = undefined;
    this.#started = performance.now();
  }

  [Symbol.dispose](): void {
    this.#progress?.close();
  }
}

/**
 * Does work that reports its counts, and shows them from two seconds after the first on.
 *
 * @param work receives the function to call with what is done so far and in all
 * @returns what the work returns
 */
export async function withLateProgress<T>(
  options: LateProgressOptions,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  using progress = new LateProgress(options);
  return await work((done, total) => progress.update(done, total));
}
