/**
 * Runs `work` on several items at once and yields the results in the order of the items. At most `inFlight`
 * results wait, so memory stays constant; the first error ends the iteration.
 */
export async function* mapInOrder<T, R>(
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
  { inFlight }: { readonly inFlight: number },
): AsyncGenerator<R> {
  const pending: Promise<R>[] = [];
  const source = items[Symbol.iterator]();
  for (;;) {
    while (pending.length < inFlight) {
      const next = source.next();
      if (next.done) break;
      const result = work(next.value);
      result.catch(() => {}); // Heard of below, when its turn comes.
      pending.push(result);
    }
    const first = pending.shift();
    if (first === undefined) return;
    yield await first;
  }
}
