/**
 * Values that fit the size of a network or the length of a run. They are rules of thumb, for advice: a run has the values
 * of its configuration.
 *
 * @module
 */

/** Of two digits, as people write such values. */
function rounded(value: number): number {
  return Number(value.toPrecision(2));
}

/**
 * Standard deviation of initial weights: 0.02 at the width of a ViT-H, and as strong beside its input at every other.
 * With less, the blocks of a narrow encoder add next to nothing to patch and position.
 */
export function usualInitStd(width: number): number {
  return rounded(0.02 * Math.sqrt(1280 / width));
}

/** Standard deviation of the initial patch embedding: content as strong against position as with 16 x 16 patches. */
export function usualPatchEmbedStd(patchSize: number): number {
  return rounded(0.02 * Math.sqrt(16 ** 2 / patchSize ** 2));
}

/** Peak learning rate: the 1e-3 of wide encoders, and more below a width of 256. */
export function usualLearningRate(width: number): number {
  return rounded(1e-3 * Math.max(1, 256 / width));
}

/** Steps over which the target encoder forgets all but a third of what it was. */
export function emaSteps(momentum: number): number {
  return 1 / (1 - momentum);
}

/** Momentum at the start of a run: over a 25th of it, at least 25 steps and at most the 250 of the paper. */
export function usualEmaStart(steps: number): number {
  const momentum = 1 - 1 / Math.min(250, Math.max(25, steps / 25));
  return Number(momentum.toPrecision(3));
}
