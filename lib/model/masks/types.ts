/** The types that all mask samplers share. */

/** How context and targets share an image; see {@link MaskConfig}. */
export type MaskStrategy = "multiblock" | "rasterized" | "block" | "random";

/** Settings of the masks (paper section 3, figure 4 and the ablation of strategies). Counts are patches ("tokens"). */
export interface MaskConfig {
  /**
   * - `multiblock` some blocks are targets, a large block without them is the context: the method itself
   * - `rasterized` one of four quadrants is the context, the other three are targets
   * - `block` one large block is the target, all around it the context
   * - `random` random patches are the target, all others the context
   *
   * The last three are the paper's comparisons. A configuration that states one gets the paper's values with it; values
   * that a strategy ignores cannot be changed.
   *
   * @default "multiblock"
   */
  readonly strategy: MaskStrategy;
  /**
   * - `full` covers the whole grid and shortens contexts without bias
   * - `reference` repeats the official collator bit by bit: its last row and column are never used, and contexts lose
   *   their bottom-right tokens; only for `multiblock`
   */
  readonly sampler: "full" | "reference";
  /** Target blocks M per image. */
  readonly targetBlocks: number;
  /** Smallest and largest area of a target block, as a fraction of the grid. */
  readonly targetScale: readonly [min: number, max: number];
  /** Smallest and largest height / width of a target block. `block` gives way where the grid is too narrow for both. */
  readonly targetAspect: readonly [min: number, max: number];
  /**
   * - `uniform` every place on the grid is as likely as any other; corners are then in few targets
   * - `even` a block may hang over the border by all but one row or column, and is then moved inside: borders and
   *   corners are in as many targets as the middle. Only for `multiblock` masks of the `full` sampler.
   *
   * @default "uniform"
   */
  readonly targetPlacement: "uniform" | "even";
  /** Smallest and largest area of the context block before targets are cut out, as a fraction of the grid. */
  readonly contextScale: readonly [min: number, max: number];
  /** Every target and every context has more tokens than this. */
  readonly minKeep: number;
  /**
   * Tokens of every context, as a fraction of the grid, rounded down. With `multiblock` an image is drawn again until
   * its context has so many, and surplus tokens are dropped at random. The contexts of the other strategies are what
   * targets leave, at most this. The `reference` sampler cuts to the shortest context of the batch instead.
   *
   * @default 0.25 (the paper's average)
   */
  readonly contextKeepFraction: number;
}

/** Rows and columns of the patch grid, `[Hp Wp]`. */
export type Grid = readonly [rows: number, columns: number];

/** Rows and columns of a block of patches. */
export type BlockSize = readonly [rows: number, columns: number];

/** Fewest and most tokens of any step of a run. */
export interface TokenBounds {
  /** Tokens Kc of a context. */
  readonly contextTokens: readonly [least: number, most: number];
  /** Tokens Kt of one target block. */
  readonly targetTokens: readonly [least: number, most: number];
}

/** The step of a run that masks are for. */
export interface MaskPosition {
  /** The run's seed. */
  readonly seed: number;
  /** Training step, from 0. */
  readonly step: number;
  /** Images B. */
  readonly batch: number;
}

/** Which patches of one batch to keep, raster order, ascending, int32. */
export interface MaskIndices {
  /** Tokens Kc of each context. */
  readonly contextTokens: number;
  /** Tokens Kt of each target block. */
  readonly targetTokens: number;
  /** `[B Kc]` */
  readonly context: Int32Array<ArrayBuffer>;
  /** `[M B Kt]`, block-major: all images of block 0, then of block 1 */
  readonly targets: Int32Array<ArrayBuffer>;
}

/** The masks of one batch, and how they were drawn. */
export interface Masks extends MaskIndices {
  /** Images whose context may overlap a target, because the `reference` sampler found no other. */
  readonly relaxedSamples: number;
  /** How often targets were drawn, all images together: B where none was drawn again. */
  readonly draws: number;
}

/** Rows x columns of a block, for messages: `3x4`. */
export function formatSize([rows, columns]: readonly [number, number]): string {
  return `${rows}x${columns}`;
}
