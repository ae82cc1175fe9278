/** Suggestions for messages: the nearest known word or fitting number. */

/** Levenshtein distance between two words. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** The candidate closest to a misspelt word, or `undefined` when none is close. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * `, did you mean "x"?` when a candidate is close, else the whole list.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(suggestion("trian", ["train", "test"]), ', did you mean "train"?');
 * assert.equal(suggestion("cat", ["train", "test"]), ', expected one of "train", "test"');
 * ```
 */
export function suggestion(word: string, candidates: readonly string[]): string {
  const close = nearest(word, candidates);
  return close === undefined
    ? `, expected one of ${candidates.map((c) => `"${c}"`).join(", ")}`
    : `, did you mean "${close}"?`;
}

/** `a or b`: the multiples of `step` on either side of a number that is none. The lower is never zero. */
export function nearestMultiples(value: number, step: number): string {
  const below = value - value % step;
  return [below, below + step].filter((multiple) => multiple > 0).join(" or ");
}

/** `a or b`: the divisors of a number on either side of one that is none. */
export function nearestDivisors(whole: number, value: number): string {
  const divisors = Array.from({ length: whole }, (_, i) => i + 1).filter((n) => whole % n === 0);
  const around = [divisors.findLast((n) => n < value), divisors.find((n) => n > value)];
  return around.filter((divisor) => divisor !== undefined).join(" or ");
}
