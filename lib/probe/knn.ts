import { type MatrixProducts, PLAIN_PRODUCTS } from "./products.ts";

/** DINO's temperature: a neighbour of cosine similarity s votes with weight exp(s / T). */
export const KNN_TEMPERATURE = 0.07;
/** DINO's numbers of neighbours. */
export const KNN_NEIGHBOURS: readonly number[] = [10, 20, 100, 200];

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

const QUERY_BLOCK = 64;
const BANK_BLOCK = 1024;

/** Copies some rows with length 1; a row of zeros stays zero, similar to nothing. */
function unitRows<A extends Float32Array | Float64Array>(
  { features, rows }: FeatureRows,
  width: number,
  { into }: { readonly into: A },
): A {
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i]! * width, to = i * width;
    let squares = 0;
    for (let d = 0; d < width; d++) squares += features[from + d]! ** 2;
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let d = 0; d < width; d++) into[to + d] = features[from + d]! * scale;
  }
  return into;
}

/**
 * A sorted list of the best `count` of one query: most candidates fail the first comparison, so insertion costs
 * little.
 */
function offer(
  { count, positions, similarities }: Neighbours,
  query: number,
  { position, similarity }: { readonly position: number; readonly similarity: number },
): void {
  const start = query * count;
  let slot = start + count - 1;
  // Positions arrive in ascending order, so an equal one that is already there stays in front.
  if (!(similarity > similarities[slot]!)) return;
  while (slot > start && similarity > similarities[slot - 1]!) {
    similarities[slot] = similarities[slot - 1]!;
    positions[slot] = positions[slot - 1]!;
    slot--;
  }
  similarities[slot] = similarity;
  positions[slot] = position;
}

/**
 * Exact nearest neighbours by cosine similarity. Gives the event loop a turn after every block of queries.
 *
 * @param count how many; at most the number of bank rows
 */
export async function nearestNeighbours(
  bank: FeatureRows,
  queries: FeatureRows,
  { width, count, products = PLAIN_PRODUCTS, onProgress }: {
    readonly width: number;
    readonly count: number;
    readonly products?: MatrixProducts;
    readonly onProgress?: (queries: number) => void;
  },
): Promise<Neighbours> {
  const total = queries.rows.length;
  const found: Neighbours = {
    count,
    positions: new Uint32Array(total * count),
    similarities: new Float64Array(total * count).fill(-Infinity),
  };
  const bankUnits = unitRows(bank, width, { into: new Float32Array(bank.rows.length * width) });
  const scores = new Float64Array(BANK_BLOCK * QUERY_BLOCK);
  for (let first = 0; first < total; first += QUERY_BLOCK) {
    const block = queries.rows.subarray(first, first + QUERY_BLOCK);
    const outputs = block.length;
    const weights = unitRows({ ...queries, rows: block }, width, {
      into: new Float64Array(outputs * width),
    });
    for (let start = 0; start < bank.rows.length; start += BANK_BLOCK) {
      const features = bankUnits.subarray(start * width, (start + BANK_BLOCK) * width);
      const rows = features.length / width;
      products.project({ features, weights, scores, rows, width, outputs });
      for (let row = 0; row < rows; row++) {
        for (let q = 0; q < outputs; q++) {
          const similarity = scores[row * outputs + q]!;
          offer(found, first + q, { position: start + row, similarity });
        }
      }
    }
    onProgress?.(first + outputs);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return found;
}

/**
 * Share of the votes that every class gets from the nearest `k`, [Q C].
 *
 * @param classes class of every bank row
 */
export function knnVotes(
  { count, positions, similarities }: Neighbours,
  classes: Int32Array,
  { k, classCount }: { readonly k: number; readonly classCount: number },
): Float64Array {
  const queries = positions.length / count;
  const votes = new Float64Array(queries * classCount);
  for (let query = 0; query < queries; query++) {
    const nearest = similarities[query * count]!;
    let total = 0;
    for (let i = query * count; i < query * count + k; i++) {
      const weight = Math.exp((similarities[i]! - nearest) / KNN_TEMPERATURE);
      votes[query * classCount + classes[positions[i]!]!]! += weight;
      total += weight;
    }
    for (let c = 0; c < classCount; c++) votes[query * classCount + c]! /= total;
  }
  return votes;
}

/**
 * Weighted mean of the targets of the nearest `k`, [Q].
 *
 * @param targets target of every bank row
 */
export function knnMeans(
  { count, positions, similarities }: Neighbours,
  targets: Float64Array,
  { k }: { readonly k: number },
): Float64Array {
  return Float64Array.from({ length: positions.length / count }, (_, query) => {
    const start = query * count;
    let sum = 0, total = 0;
    for (let i = start; i < start + k; i++) {
      const weight = Math.exp((similarities[i]! - similarities[start]!) / KNN_TEMPERATURE);
      sum += weight * targets[positions[i]!]!;
      total += weight;
    }
    return sum / total;
  });
}
