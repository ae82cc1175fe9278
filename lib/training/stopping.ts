/** Stops work at a signal, between steps or before the first one. */
import { Failure } from "../failure.ts";

/**
 * Lets timers, signals and messages of other threads run; a runtime may have blocked the thread for a whole step. The
 * first immediate may come before the events of this turn of the event loop, the second comes after them. A timer would
 * do as well, but takes at least a millisecond.
 */
export async function yieldToEvents(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * The result of a promise, unless the signal comes first; its work is then abandoned.
 *
 * @throws the signal's reason
 */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const stop = Promise.withResolvers<never>();
  const onAbort = () => stop.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([stop.promise, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Lets events run between two parts of a task. @throws the signal's reason once it is aborted */
export async function throwIfStopped(signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return;
  await yieldToEvents();
  signal.throwIfAborted();
}

/**
 * For work before the first step: reading, compiling, drawing weights. All of it can be abandoned at any instant, as by
 * a kill, and a job manager does not wait for long.
 *
 * @throws {Failure} `stopped` as soon as the signal comes
 */
export async function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await unlessAborted(work, signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    throw new Failure(
      "stopped",
      "Stopped before the first step, give the same command again to go on",
    );
  }
}
