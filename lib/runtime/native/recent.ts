/** A cache of the most recent values. */

/** A cache of the most recently used values, by key. */
export class Recent<V> {
  readonly #values = new Map<string, V>();
  readonly #limit: number;

  /** @param limit values that are kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value of a key, made if it is not cached. */
  get(key: string, make: () => V): V {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#limit) this.#values.delete(this.#values.keys().next().value!);
    return value;
  }

  clear(): void {
    this.#values.clear();
  }
}
