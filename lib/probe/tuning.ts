/** One tried strength. */
export interface Trial<Fit> {
  readonly strength: number;
  /** Decides which strength is best. */
  readonly validationScore: number;
  /** Decides when to stop: smooth, and with a single valley along the grid. */
  readonly validationLoss: number;
  readonly fit: Fit;
}

/** The outcome of a search along a grid. */
export interface Tuned<Fit> {
  readonly best: Trial<Fit>;
  readonly atGridEdge: boolean;
  readonly grid: readonly { readonly strength: number; readonly validationScore: number }[];
}

/** Strengths in a row whose loss may fail to beat the lowest before the search ends. */
const PATIENCE = 4;

/** Ten to the power of `from`, `from` + 0.5, … `to`. */
export function halfDecades(from: number, to: number): number[] {
  return Array.from({ length: 2 * (to - from) + 1 }, (_, i) => 10 ** (from + i / 2));
}

/**
 * Tries strengths in order and keeps the best, the first of equals. Ends early when the lowest loss lies four
 * strengths back. Gives the event loop a turn after every strength.
 *
 * @param attempt fits with a strength; gets the trial before, to start from
 */
export async function tune<Fit>(
  strengths: readonly number[],
  attempt: (strength: number, before: Trial<Fit> | undefined) => Omit<Trial<Fit>, "strength">,
): Promise<Tuned<Fit>> {
  let best: Trial<Fit> | undefined, before: Trial<Fit> | undefined;
  let lowest = Infinity, since = 0;
  const grid = [];
  for (const strength of strengths) {
    const trial: Trial<Fit> = { strength, ...attempt(strength, before) };
    grid.push({ strength, validationScore: trial.validationScore });
    before = trial;
    if (!best || trial.validationScore > best.validationScore) best = trial;
    if (trial.validationLoss < lowest) [lowest, since] = [trial.validationLoss, 0];
    else if (++since === PATIENCE) break;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  if (!best) throw new RangeError("Cannot tune: the grid is empty");
  const atGridEdge = best.strength === strengths[0] || best.strength === strengths.at(-1);
  return { best, atGridEdge, grid };
}
