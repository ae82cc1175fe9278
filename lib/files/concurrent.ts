/** Runs `work` for every item, `inFlight` at a time; the first failure ends it. */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
  { inFlight }: { readonly inFlight: number },
): Promise<void> {
  const waiting = Iterator.from(items);
  async function workOff(): Promise<void> {
    for (let next = waiting.next(); !next.done; next = waiting.next()) await work(next.value);
  }
  await Promise.all(Array.from({ length: inFlight }, workOff));
}
