/** Neighbour searches of a pair of feature files, shared between labels. */
import type { Features } from "../formats/arrow.ts";
import type { Runtime } from "../compile/mod.ts";
import { KNN_NEIGHBOURS } from "./knn.ts";
import { type FeatureRows, nearestNeighbours, type Neighbours } from "./neighbours.ts";

/** Held-out rows that choose k; more would cost time and change little. */
const MOST_VALIDATION_QUERIES = 2000;

/** Numbers of neighbours to try with a bank of so many rows, ascending. */
export function neighbourCounts(bankRows: number): number[] {
  return [...new Set(KNN_NEIGHBOURS.map((k) => Math.min(k, bankRows)))];
}

/** Evenly spaced held-out positions, at most 2,000. */
export function validationQueries(heldOut: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const count = Math.min(MOST_VALIDATION_QUERIES, heldOut.length);
  return Uint32Array.from(
    { length: count },
    (_, i) => heldOut[Math.floor(i * heldOut.length / count)]!,
  );
}

/** Neighbour searches in one pair of feature files. Labels that all rows have share one search. */
export class NeighbourSearch {
  readonly #train: Features;
  readonly #test: Features;
  readonly #runtime: Runtime;
  readonly #onProgress: (done: number, total: number) => void;
  #shared: Promise<Neighbours> | undefined;

  constructor(
    train: Features,
    test: Features,
    { runtime, onProgress = () => {} }: {
      readonly runtime: Runtime;
      readonly onProgress?: (doneQueries: number, totalQueries: number) => void;
    },
  ) {
    this.#train = train;
    this.#test = test;
    this.#runtime = runtime;
    this.#onProgress = onProgress;
  }

  #within(
    bank: FeatureRows,
    queries: FeatureRows,
    { count }: { readonly count: number },
  ): Promise<Neighbours> {
    const total = queries.rows.length;
    return nearestNeighbours(bank, queries, {
      width: this.#train.width,
      count,
      runtime: this.#runtime,
      onProgress: (done) => this.#onProgress(done, total),
    });
  }

  /** Neighbours of held-out training rows among other training rows. */
  ofHeldOut(
    { trainRows }: { readonly trainRows: Uint32Array },
    { bank, queries }: {
      /** Positions in `trainRows`. */
      readonly bank: Uint32Array;
      readonly queries: Uint32Array;
    },
  ): Promise<Neighbours> {
    const at = (positions: Uint32Array): FeatureRows => ({
      features: this.#train.embeddings,
      rows: positions.map((position) => trainRows[position]!),
    });
    return this.#within(at(bank), at(queries), { count: neighbourCounts(bank.length).at(-1)! });
  }

  /** Neighbours of test rows among training rows, of the rows that have the label. */
  ofTest(
    { trainRows, testRows }: { readonly trainRows: Uint32Array; readonly testRows: Uint32Array },
  ): Promise<Neighbours> {
    const search = () =>
      this.#within(
        { features: this.#train.embeddings, rows: trainRows },
        { features: this.#test.embeddings, rows: testRows },
        { count: neighbourCounts(trainRows.length).at(-1)! },
      );
    const all = trainRows.length === this.#train.rows && testRows.length === this.#test.rows;
    return all ? this.#shared ??= search() : search();
  }
}
