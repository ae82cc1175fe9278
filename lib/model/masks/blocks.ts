/** Patch indices of blocks, and masks of a batch packed into arrays. */
import type { BlockSize, Grid, MaskIndices, Masks } from "./types.ts";

/** A rectangle of patches. */
export interface Block {
  readonly top: number;
  readonly left: number;
  readonly size: BlockSize;
}

/** Patch indices of a block, ascending. */
export function blockIndices({ top, left, size: [rows, columns] }: Block, grid: Grid): Int32Array {
  const indices = new Int32Array(rows * columns);
  let at = 0;
  for (let row = top; row < top + rows; row++) {
    for (let column = left; column < left + columns; column++) {
      indices[at++] = row * grid[1] + column;
    }
  }
  return indices;
}

/** Patch indices of `context` that are in none of `targets`, ascending. */
export function contextIndices(
  context: Block,
  targets: readonly Int32Array[],
  grid: Grid,
): Int32Array {
  const taken = new Uint8Array(grid[0] * grid[1]);
  for (const target of targets) {
    for (const index of target) taken[index] = 1;
  }
  return blockIndices(context, grid).filter((index) => taken[index] === 0);
}

/** Targets of one image and what is left of its context. */
export interface SampleMasks {
  /** Ascending, all of one length. */
  readonly targets: readonly Int32Array[];
  /** Ascending; its length differs from image to image. */
  readonly context: Int32Array;
  /** The context may overlap targets. */
  readonly relaxed: boolean;
  /** How often the targets were drawn. */
  readonly draws: number;
}

/** Rows of one length, one after the other. */
function packRows(rows: readonly Int32Array[]): Int32Array<ArrayBuffer> {
  const tokens = rows[0]!.length;
  const packed = new Int32Array(rows.length * tokens);
  rows.forEach((row, i) => packed.set(row, i * tokens));
  return packed;
}

/** The masks of a batch from those of its images, whose contexts must have one length. */
export function packMasks(samples: readonly SampleMasks[]): Masks {
  const [{ context, targets }] = samples as readonly [SampleMasks, ...SampleMasks[]];
  return {
    contextTokens: context.length,
    targetTokens: targets[0]!.length,
    context: packRows(samples.map((sample) => sample.context)),
    targets: packRows(targets.flatMap((_, m) => samples.map((sample) => sample.targets[m]!))),
    relaxedSamples: samples.filter(({ relaxed }) => relaxed).length,
    draws: samples.reduce((sum, { draws }) => sum + draws, 0),
  };
}

/** The masks of some consecutive images of a batch. @param options `blocks`: target blocks M per image */
export function masksOfImages(
  masks: MaskIndices,
  { first, count, blocks }: {
    readonly first: number;
    readonly count: number;
    readonly blocks: number;
  },
): MaskIndices {
  const { contextTokens, targetTokens } = masks;
  const batch = masks.context.length / contextTokens;
  const targets = new Int32Array(blocks * count * targetTokens);
  for (let m = 0; m < blocks; m++) {
    const start = (m * batch + first) * targetTokens;
    const block = masks.targets.subarray(start, start + count * targetTokens);
    targets.set(block, m * count * targetTokens);
  }
  const context = masks.context.subarray(first * contextTokens, (first + count) * contextTokens);
  return { contextTokens, targetTokens, context, targets };
}
