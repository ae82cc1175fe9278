/** Votes and means of nearest neighbours. */
import type { Neighbours } from "./neighbours.ts";

/** DINO's temperature: a neighbour of cosine similarity s votes with weight exp(s / T). */
export const KNN_TEMPERATURE = 0.07;
/** DINO's numbers of neighbours. */
export const KNN_NEIGHBOURS: readonly number[] = [10, 20, 100, 200];

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
