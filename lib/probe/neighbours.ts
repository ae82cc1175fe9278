/**
 * Exact nearest neighbours by cosine similarity: a runtime finds candidates in float32, float64 arithmetic decides
 * among them.
 */

import * as tf from "@tensorflow/tfjs";
import type { Program, Runtime } from "../compile/mod.ts";
import { type FloatTensor, floatTensor } from "../tensor.ts";
import { RowProgram } from "./row_program.ts";

/** The nearest bank rows of every query, nearest first. */
export interface Neighbours {
  /** Neighbours kept per query. */
  readonly count: number;
  /** Positions in the bank, [Q count]; equal similarities by position. */
  readonly positions: Uint32Array;
  /** Cosine similarities, [Q count] */
  readonly similarities: Float64Array;
}

/** Some rows of a matrix of features. */
export interface FeatureRows {
  /** [all rows, D] */
  readonly features: Float32Array;
  readonly rows: Uint32Array;
}

/** Similarities that are in memory at the same time: 64 MiB. */
const MOST_SIMILARITIES = 2 ** 24;
/** Queries at a time: products of fewer are slower, and more do not fit into a cache. */
const QUERY_BLOCK = { least: 8, most: 256 };

/** `similarities` [R Q] of `features` [R D] and `queries` [Q D], all of length 1. */
function similarityProgram(width: number): Program {
  return {
    name: "similarities",
    carried: [],
    inputs: {
      features: { dtype: "float32", shape: ["rows", width] },
      queries: { dtype: "float32", shape: ["queries", width] },
    },
    run: ({ features, queries }) => ({
      similarities: tf.matMul(features as tf.Tensor2D, queries as tf.Tensor2D, false, true),
    }),
  };
}

/** Copies some rows with length 1, [R D]; a row of zeros stays zero, similar to nothing. */
function unitRows({ features, rows }: FeatureRows, width: number): Float32Array<ArrayBuffer> {
  const units = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i]! * width, to = i * width;
    let squares = 0;
    for (let d = 0; d < width; d++) squares += features[from + d]! ** 2;
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let d = 0; d < width; d++) units[to + d] = features[from + d]! * scale;
  }
  return units;
}

/** The `count` largest values that every query has had so far, sorted, [Q count]. */
class Largest {
  readonly #values: Float32Array;
  readonly #count: number;

  constructor(queries: number, count: number) {
    this.#count = count;
    this.#values = new Float32Array(queries * count).fill(-Infinity);
  }

  /** Most values fail this comparison. */
  least(query: number): number {
    return this.#values[(query + 1) * this.#count - 1]!;
  }

  /** @param value larger than the least */
  insert(query: number, value: number): void {
    const values = this.#values, start = query * this.#count;
    let slot = start + this.#count - 1;
    for (; slot > start && value > values[slot - 1]!; slot--) values[slot] = values[slot - 1]!;
    values[slot] = value;
  }
}

/**
 * Bank positions, ascending, that may be among the `count` nearest of every query.
 *
 * @param blocks similarities [rows of the block, Q], of one block of bank rows after the other
 * @param slack how much two similarities may be wrong by, together
 */
function candidates(
  blocks: readonly FloatTensor[],
  { queries, count, slack }: {
    readonly queries: number;
    readonly count: number;
    readonly slack: number;
  },
): number[][] {
  const largest = new Largest(queries, count);
  const visit = (isWanted: (value: number, query: number, position: number) => void) => {
    let position = 0;
    for (const { data } of blocks) {
      for (let i = 0; i < data.length; position++) {
        for (let query = 0; query < queries; query++) isWanted(data[i++]!, query, position);
      }
    }
  };
  visit((value, query) => {
    if (value > largest.least(query)) largest.insert(query, value);
  });
  const bounds = Array.from({ length: queries }, (_, query) => largest.least(query) - slack);
  const found = Array.from({ length: queries }, (): number[] => []);
  visit((value, query, position) => {
    if (value >= bounds[query]!) found[query]!.push(position);
  });
  return found;
}

/** In float64, one element after the other, so that it is the same on every machine. */
function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}

/**
 * Exact nearest neighbours by cosine similarity of the rows in float32. The result is equal to the bit for any runtime
 * and number of threads: the runtime only excludes rows that cannot be among them.
 *
 * @param count how many; at most the number of bank rows
 * @param onProgress called with the queries done
 */
export async function nearestNeighbours(
  bank: FeatureRows,
  queries: FeatureRows,
  { width, count, runtime, onProgress }: {
    readonly width: number;
    readonly count: number;
    readonly runtime: Runtime;
    readonly onProgress?: (queries: number) => void;
  },
): Promise<Neighbours> {
  const total = queries.rows.length;
  const positions = new Uint32Array(total * count);
  const similarities = new Float64Array(total * count);
  const features = unitRows(bank, width);
  // Error bound of a product of unit vectors in float32, for any order of summation.
  const slack = 2 * (width + 2) * 2 ** -24;
  const atATime = Math.floor(MOST_SIMILARITIES / bank.rows.length);
  const step = Math.max(QUERY_BLOCK.least, Math.min(QUERY_BLOCK.most, atATime));
  using program = await RowProgram.create(runtime, similarityProgram(width));
  for (let first = 0; first < total; first += step) {
    const rows = queries.rows.subarray(first, first + step);
    const units = unitRows({ ...queries, rows }, width);
    const inputs = { queries: floatTensor([rows.length, width], units) };
    const results = await program.run({ features, width }, inputs);
    const blocks = results.map((result) => result["similarities"]!);
    candidates(blocks, { queries: rows.length, count, slack }).forEach((found, q) => {
      const query = units.subarray(q * width, (q + 1) * width);
      const nearest = found
        .map((position) => {
          const unit = features.subarray(position * width, (position + 1) * width);
          return { position, similarity: dot(query, unit) };
        })
        .sort((a, b) => b.similarity - a.similarity) // Stable: equals stay by position.
        .slice(0, count);
      positions.set(nearest.map(({ position }) => position), (first + q) * count);
      similarities.set(nearest.map(({ similarity }) => similarity), (first + q) * count);
    });
    onProgress?.(first + rows.length);
  }
  return { count, positions, similarities };
}
