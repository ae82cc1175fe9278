/** Bit sets for the analysis of graphs. */

/** Small whole numbers, one bit each: sets of many are joined and compared word by word. */
export class IndexSet {
  readonly #words: Uint32Array;

  /** An empty set. @param limit above every number */
  constructor(limit: number) {
    this.#words = new Uint32Array(Math.ceil(limit / 32));
  }

  get isEmpty(): boolean {
    return this.#words.every((word) => word === 0);
  }

  has(index: number): boolean {
    return (this.#words[index >>> 5]! >>> (index & 31) & 1) === 1;
  }

  add(index: number): void {
    this.#words[index >>> 5]! |= 1 << (index & 31);
  }

  /** Adds all that another set of the same limit has. */
  addAll(other: IndexSet): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i]! |= other.#words[i]!;
  }

  /** Whether another set of the same limit has all of this one. */
  isWithin(other: IndexSet): boolean {
    return this.#words.every((word, i) => (word & ~other.#words[i]!) === 0);
  }
}
