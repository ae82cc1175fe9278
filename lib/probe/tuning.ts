/** Grid search over the strength of a regularisation. */

/** One tried strength. */
export interface Trial<Fit> {
  readonly strength: number;
  /** The score that chooses the strength. */
  readonly validationScore: number;
  readonly fit: Fit;
}

/** The outcome of a search along a grid. */
export interface Tuned<Fit> {
  readonly best: Trial<Fit>;
  readonly atGridEdge: boolean;
  readonly grid: readonly { readonly strength: number; readonly validationScore: number }[];
}

/** Ten to the power of `from`, `from` + 0.5, … `to`. */
export function halfDecades(from: number, to: number): number[] {
  return Array.from({ length: 2 * (to - from) + 1 }, (_, i) => 10 ** (from + i / 2));
}

/**
 * Tries all strengths in order and keeps the best, the first of equals. Never stops early: with a weak encoder the best
 * strength may be at one end of the grid, beyond a plateau. Yields to the event loop after every strength.
 *
 * @param attempt fits with a strength; gets the trial before, to start from
 */
export async function tune<Fit>(
  strengths: readonly number[],
  attempt: (
    strength: number,
    before: Trial<Fit> | undefined,
  ) => Omit<Trial<Fit>, "strength"> | Promise<Omit<Trial<Fit>, "strength">>,
): Promise<Tuned<Fit>> {
  let best: Trial<Fit> | undefined, before: Trial<Fit> | undefined;
  const grid = [];
  for (const strength of strengths) {
    const trial: Trial<Fit> = { strength, ...await attempt(strength, before) };
    grid.push({ strength, validationScore: trial.validationScore });
    before = trial;
    if (!best || trial.validationScore > best.validationScore) best = trial;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  if (!best) throw new RangeError("Cannot tune: the grid is empty");
  const atGridEdge = best.strength === strengths[0] || best.strength === strengths.at(-1);
  return { best, atGridEdge, grid };
}
