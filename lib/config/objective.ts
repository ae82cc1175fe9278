/** Settings of the objective: targets, loss, and a term against collapse. */

/** Targets and loss (the paper's ablations, docs/method.md section 4.3). */
export interface ObjectiveConfig {
  /**
   * - `representations` the target encoder's output for the hidden patches: the method itself
   * - `pixels` the hidden patches, each with mean 0 and deviation 1: the paper's comparison. The target encoder still
   *   follows the encoder, and is exported
   *
   * @default "representations"
   */
  readonly targets: "representations" | "pixels";
  /**
   * Where targets are cut to a block:
   *
   * - `output` the target encoder sees the whole image, and the block is cut from its output: the method itself
   * - `input` it sees only the block, each block on its own: the paper's comparison
   *
   * @default "output"
   */
  readonly targetMasking: "output" | "input";
  /**
   * Mean over every element.
   *
   * - `smoothL1` with beta 1, as in the official code
   * - `l2` the squared difference, as in the paper's text
   *
   * @default "smoothL1"
   */
  readonly loss: "smoothL1" | "l2";
}

/** A term beside the loss, as it is stated. */
export interface RegularizerSettings {
  /**
   * - `none` no term: the method itself, which relies on the target encoder's momentum
   * - `vicreg` penalises deviations below 1 and covariances of features: see `vicreg()` in lib/training/regularizer.ts
   * - `sigreg` penalises samples that are not standard normal in random directions: see `sigreg()` there
   *
   * With one of them, training goes without momentum too (`schedule.emaStart` and `schedule.emaEnd` 0).
   *
   * @default "none"
   */
  readonly regularizer: "none" | "vicreg" | "sigreg";
  /**
   * The samples, of the context encoder's output after its final norm:
   *
   * - `pooled` the mean over an image's context tokens
   * - `tokens` each context token
   *
   * @default "tokens"
   */
  readonly regularizerOn: "pooled" | "tokens";
  /** Weight of the term beside the loss. @default 1 with `vicreg`, 0.05 with `sigreg` */
  readonly regularizerWeight: number;
}

/** Targets, loss, and a term against collapse. */
export interface ObjectiveSettings extends ObjectiveConfig, RegularizerSettings {}

/** Default weights of the terms. */
export const REGULARIZER_WEIGHTS: Readonly<Record<RegularizerSettings["regularizer"], number>> = {
  none: 0,
  vicreg: 1,
  sigreg: 0.05,
};
