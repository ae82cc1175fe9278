/** A concurrent map with results in order and bounded memory. */

/** Limits of {@link mapInOrder}. */
export interface InFlight<T> {
  /** Most items whose result is not yet taken. */
  readonly inFlight: number;
  /** Total weight of the items in flight; a heavier item runs alone. @default no limit */
  readonly mostWeight?: number;
  /** Weight of an item. @default 0 */
  readonly weigh?: (item: T) => number | Promise<number>;
}

/**
 * Runs `work` on several items at once and yields the results in the order of the items. Results count as in flight
 * until they are taken, so memory stays constant; the first error ends the iteration, after all work in flight has
 * settled.
 */
export async function* mapInOrder<T, R>(
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
  { inFlight, mostWeight = Infinity, weigh = () => 0 }: InFlight<T>,
): AsyncGenerator<R> {
  const pending: { readonly result: Promise<R>; readonly weight: number }[] = [];
  const source = items[Symbol.iterator]();
  let total = 0;
  let next: { readonly item: T; readonly weight: number } | undefined;
  try {
    for (;;) {
      while (pending.length < inFlight) {
        if (next === undefined) {
          const { done, value } = source.next();
          if (done) break;
          next = { item: value, weight: await weigh(value) };
        }
        const { item, weight } = next;
        if (pending.length > 0 && total + weight > mostWeight) break;
        next = undefined;
        total += weight;
        const result = work(item);
        result.catch(() => {}); // Awaited below, in its turn.
        pending.push({ result, weight });
      }
      const first = pending.shift();
      if (first === undefined) return;
      yield await first.result;
      total -= first.weight;
    }
  } finally {
    // After an error no work may go on while the caller cleans up.
    await Promise.allSettled(pending.map(({ result }) => result));
  }
}
