/** Places of blocks on a grid: drawing, numbering, and counting free patches. */
import type { RandomStream } from "../../random/mod.ts";
import type { Block } from "./blocks.ts";
import type { BlockSize, Grid, MaskConfig } from "./types.ts";

type Placement = MaskConfig["targetPlacement"];

/** First row of a block of `length` on a grid of `side` rows, or its first column. */
function drawOffset(
  side: number,
  length: number,
  { stream, placement }: { readonly stream: RandomStream; readonly placement: Placement },
): number {
  if (placement === "uniform") return stream.integer(side - length + 1);
  // From overhanging one border by all but one patch to the same at the other, then moved inside.
  const offset = stream.integer(side + length - 1) - (length - 1);
  return Math.min(Math.max(offset, 0), side - length);
}

/** A block of this size, somewhere on the grid. @param options `placement`: uniform by default */
export function place(
  size: BlockSize,
  { grid, stream, placement = "uniform" }: {
    readonly grid: Grid;
    readonly stream: RandomStream;
    readonly placement?: Placement;
  },
): Block {
  return {
    top: drawOffset(grid[0], size[0], { stream, placement }),
    left: drawOffset(grid[1], size[1], { stream, placement }),
    size,
  };
}

/** 1 for every patch in one of the blocks, `[N]`. The cost does not depend on the sizes of the blocks. */
export function coveredBy(blocks: readonly Block[], [rows, columns]: Grid): Uint8Array {
  const width = columns + 1;
  const changes = new Int32Array((rows + 1) * width);
  for (const { top, left, size: [height, across] } of blocks) {
    changes[top * width + left]! += 1;
    changes[top * width + left + across]! -= 1;
    changes[(top + height) * width + left]! -= 1;
    changes[(top + height) * width + left + across]! += 1;
  }
  const covered = new Uint8Array(rows * columns);
  const blocksInRow = new Int32Array(width);
  for (let row = 0; row < rows; row++) {
    let blocksHere = 0;
    for (let column = 0; column < columns; column++) {
      blocksInRow[column]! += changes[row * width + column]!;
      blocksHere += blocksInRow[column]!;
      covered[row * columns + column] = blocksHere > 0 ? 1 : 0;
    }
  }
  return covered;
}

/** The block of a size at one of its places, which are numbered row by row. */
export function blockAt(index: number, size: BlockSize, [, columns]: Grid): Block {
  const across = columns - size[1] + 1;
  return { top: Math.floor(index / across), left: index % across, size };
}

/** Inverse of {@link blockAt}. */
export function indexOf({ top, left, size }: Block, [, columns]: Grid): number {
  return top * (columns - size[1] + 1) + left;
}

/** Patches of a block of this size that are not covered, at each of its places. */
export function freeAtPlaces(
  [height, across]: BlockSize,
  covered: Uint8Array,
  [rows, columns]: Grid,
): Int32Array {
  const width = columns + 1;
  // Free patches above and to the left of each corner of the grid's cells.
  const sums = new Int32Array((rows + 1) * width);
  for (let row = 0; row < rows; row++) {
    let inRow = 0;
    for (let column = 0; column < columns; column++) {
      inRow += 1 - covered[row * columns + column]!;
      sums[(row + 1) * width + column + 1] = sums[row * width + column + 1]! + inRow;
    }
  }
  const places = columns - across + 1;
  const free = new Int32Array((rows - height + 1) * places);
  for (let index = 0; index < free.length; index++) {
    const start = Math.floor(index / places) * width + index % places;
    const end = start + height * width;
    free[index] = sums[end + across]! - sums[end]! - sums[start + across]! + sums[start]!;
  }
  return free;
}
