/** A concurrent map with results in order and bounded memory. */

/** How much {@link mapInOrder} does at once. */
export interface InFlight<T> {
  /** Most items whose result is not yet taken. */
  readonly inFlight: number;
  /** What the items in flight may weigh together; an item that weighs more goes alone. @default no limit */
  readonly mostWeight?: number;
  /** What an item weighs. @default 0 */
  readonly weigh?: (item: T) => number | Promise<number>;
}

/**
 * Runs `work` on several items at once and yields the results in the order of the items. Results wait as long as they
 * are not taken, and count as in flight, so memory stays constant; the first error ends the iteration, when all that has
 * begun is over.
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
        result.catch(() => {}); // Heard of below, when its turn comes.
        pending.push({ result, weight });
      }
      const first = pending.shift();
      if (first === undefined) return;
      yield await first.result;
      total -= first.weight;
    }
  } finally {
    // Nothing goes on behind the back of who clears up after an error.
    await Promise.allSettled(pending.map(({ result }) => result));
  }
}
