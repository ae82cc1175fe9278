/** Statistics of masks over many steps. */
import type { Grid, Masks } from "./types.ts";

/** How often a number of tokens occurs. */
export interface TokenShare {
  readonly tokens: number;
  /** Share of the steps, 0 to 1. */
  readonly share: number;
}

/** Statistics over the masks of many steps. */
export interface MaskCoverage {
  readonly steps: number;
  readonly images: number;
  /** Share of the images in whose context each patch is, `[N]`, raster order. */
  readonly context: Float64Array;
  /** Share of the images in which at least one target has the patch, `[N]`. */
  readonly target: Float64Array;
  /** Tokens Kc of a context, ascending. */
  readonly contextTokens: readonly TokenShare[];
  /** Tokens Kt of a target block, ascending. */
  readonly targetTokens: readonly TokenShare[];
  /** Share of the images whose context overlaps a target. */
  readonly overlap: number;
  /** How often the targets of an image were drawn until a context was long enough, in the mean. */
  readonly draws: number;
}

/** Tokens in the mean over the steps. */
export function meanTokens(shares: readonly TokenShare[]): number {
  return shares.reduce((sum, { tokens, share }) => sum + tokens * share, 0);
}

function shares(counts: ReadonlyMap<number, number>, steps: number): TokenShare[] {
  return [...counts].sort(([a], [b]) => a - b)
    .map(([tokens, count]) => ({ tokens, share: count / steps }));
}

function increment(counts: Map<number, number>, tokens: number): void {
  counts.set(tokens, (counts.get(tokens) ?? 0) + 1);
}

/** Counts over the masks of many steps. */
export class MaskTally {
  readonly #context: Float64Array;
  readonly #target: Float64Array;
  readonly #contextTokens = new Map<number, number>();
  readonly #targetTokens = new Map<number, number>();
  /**
   * Patch by patch, the last image (from 1) that had it as a target, so that overlapping targets of an image count
   * once.
   */
  readonly #seen: Uint32Array;
  #steps = 0;
  #images = 0;
  #overlaps = 0;
  #draws = 0;

  constructor(grid: Grid) {
    const patches = grid[0] * grid[1];
    this.#context = new Float64Array(patches);
    this.#target = new Float64Array(patches);
    this.#seen = new Uint32Array(patches);
  }

  /** Counts the masks of one step. @param batch images B */
  add(masks: Masks, batch: number): void {
    const { context, contextTokens, targets, targetTokens } = masks;
    const blocks = targets.length / (batch * targetTokens);
    for (let b = 0; b < batch; b++) {
      const image = ++this.#images;
      for (let m = 0; m < blocks; m++) {
        const start = (m * batch + b) * targetTokens;
        for (const index of targets.subarray(start, start + targetTokens)) {
          if (this.#seen[index] === image) continue;
          this.#seen[index] = image;
          this.#target[index]! += 1;
        }
      }
      const own = context.subarray(b * contextTokens, (b + 1) * contextTokens);
      for (const index of own) this.#context[index]! += 1;
      if (own.some((index) => this.#seen[index] === image)) this.#overlaps++;
    }
    increment(this.#contextTokens, contextTokens);
    increment(this.#targetTokens, targetTokens);
    this.#draws += masks.draws;
    this.#steps++;
  }

  /** Everything counted so far, as shares. */
  coverage(): MaskCoverage {
    const [steps, images] = [this.#steps, this.#images];
    return {
      steps,
      images,
      context: this.#context.map((count) => count / images),
      target: this.#target.map((count) => count / images),
      contextTokens: shares(this.#contextTokens, steps),
      targetTokens: shares(this.#targetTokens, steps),
      overlap: this.#overlaps / images,
      draws: this.#draws / images,
    };
  }
}
