/** Concurrency with a limit. */

/**
 * Runs `work` for every item, `inFlight` at a time; the first failure ends it, after all work in flight has settled.
 */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
  { inFlight }: { readonly inFlight: number },
): Promise<void> {
  const waiting = Iterator.from(items);
  const failures: unknown[] = [];
  async function workOff(): Promise<void> {
    while (failures.length === 0) {
      const next = waiting.next();
      if (next.done) return;
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, workOff));
  if (failures.length > 0) throw failures[0];
}
