/** Settings of the optimizer. */

/** Settings of AdamW that do not change during a run. */
export interface AdamWConfig {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** AdamW, and how long a gradient may be. */
export interface OptimizerConfig extends AdamWConfig {
  /**
   * Largest L2 norm of all gradients together: larger ones are scaled down to it before AdamW. 0 leaves them as they
   * are.
   *
   * @default 0
   */
  readonly clipNorm?: number;
}
