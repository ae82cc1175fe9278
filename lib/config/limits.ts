/** Upper bounds of configuration values. */

/**
 * The largest values of a configuration: beyond any realistic training, yet small enough that a mistyped or hostile
 * value fails with a message instead of taking unbounded memory or time.
 */
export const MOST = {
  patchSize: 1024,
  width: 16_384,
  depth: 512,
  heads: 1024,
  targetBlocks: 256,
  /** Names of checkpoints have eight digits. */
  steps: 99_999_999,
  epochs: 1_000_000,
  batch: 65_536,
  seed: 0xffffffff,
  checkpoints: 1_000_000,
} as const;

/** Trained values of encoder and predictor; with moments, gradients and the moving average 20 bytes each. */
export const MOST_PARAMETERS = 4e9;
