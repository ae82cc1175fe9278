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
   * The last three are the paper's comparisons. A configuration that states one gets the paper's values with it; what
   * a strategy has no use for cannot be changed.
   *
   * @default "multiblock"
   */
  readonly strategy: MaskStrategy;
  /**
   * - `full` covers the whole grid and shortens contexts without bias
   * - `reference` repeats the official collator bit by bit: its last row and column are never used, and contexts
   *   lose their bottom-right tokens; it knows `multiblock` only
   */
  readonly sampler: "full" | "reference";
  /** Target blocks M per image. */
  readonly targetBlocks: number;
  /** Smallest and largest area of a target block, as a fraction of the grid. */
  readonly targetScale: readonly [min: number, max: number];
  /** Smallest and largest height / width of a target block. `block` gives way where the grid is too narrow for both. */
  readonly targetAspect: readonly [min: number, max: number];
  /** Smallest and largest area of the context block before targets are cut out, as a fraction of the grid. */
  readonly contextScale: readonly [min: number, max: number];
  /** Every target and every context has more tokens than this. */
  readonly minKeep: number;
  /**
   * Upper limit of the context, as a fraction of the grid. A context is as long as the shortest one of its batch, so
   * larger batches see less; a limit below that makes the task independent of the batch. Only for `full`. What is too
   * much is dropped at random.
   *
   * @default 1 (as much as the batch allows)
   */
  readonly contextKeepFraction?: number;
}

/** Rows and columns of the patch grid, `[Hp Wp]`. */
export type Grid = readonly [rows: number, columns: number];

/** Rows and columns of a block of patches. */
export type BlockSize = readonly [rows: number, columns: number];

/** Fewest and most tokens that any step of a run can ask for. */
export interface TokenBounds {
  /** Tokens Kc of a context. */
  readonly contextTokens: readonly [least: number, most: number];
  /** Tokens Kt of one target block. */
  readonly targetTokens: readonly [least: number, most: number];
}

/** Where in a run masks are needed. */
export interface MaskPosition {
  /** The run's seed. */
  readonly seed: number;
  /** Training step, from 0. */
  readonly step: number;
  /** Images B. */
  readonly batch: number;
}

/** The masks of one batch: indices of the patches to keep, raster order, ascending, int32. */
export interface Masks {
  /** Tokens Kc of each context. */
  readonly contextTokens: number;
  /** Tokens Kt of each target block. */
  readonly targetTokens: number;
  /** `[B Kc]` */
  readonly context: Int32Array<ArrayBuffer>;
  /** `[M B Kt]`, block-major: all images of block 0, then of block 1 */
  readonly targets: Int32Array<ArrayBuffer>;
  /** Images whose context overlaps a target, because none could be found that does not. Zero in a sane set-up. */
  readonly relaxedSamples: number;
}

/** Rows x columns of a block, for messages: `3x4`. */
export function formatSize([rows, columns]: readonly [number, number]): string {
  return `${rows}x${columns}`;
}
