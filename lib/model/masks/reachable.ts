/** All block sizes that a range of scales and aspects can give. */
import { fullBlockSize, tokensIn } from "./sizes.ts";
import { referenceBlockSize } from "./reference.ts";
import type { BlockSize, Grid, MaskConfig } from "./types.ts";

type Range = readonly [min: number, max: number];

/** Aspects at which a block of `area` changes its rounded size, within a range, and both its ends. */
export function aspectBreaks(area: number, [min, max]: Range, [rows, columns]: Grid): number[] {
  const breaks = [min, max];
  // Beyond the sides of the grid blocks are cut off.
  for (let half = 0.5; half < rows && half * half <= area * max; half++) {
    breaks.push((half * half) / area);
  }
  for (let half = 0.5; half < columns && half * half <= area / min; half++) {
    breaks.push(area / (half * half));
  }
  return breaks.filter((aspect) => aspect >= min && aspect <= max).sort((a, b) => a - b);
}

/** A point on each break and one between each two neighbours. */
export function probePoints(breaks: readonly number[]): number[] {
  return breaks.flatMap((at, i) => i === 0 ? [at] : [(breaks[i - 1]! + at) / 2, at]);
}

/** Every number of patches that a scale can give. */
export function areasOf(grid: Grid, scale: Range): number[] {
  const [least, most] = [tokensIn(scale[0], grid), tokensIn(scale[1], grid)];
  return Array.from({ length: most - least + 1 }, (_, i) => least + i);
}

function* fullSizes(grid: Grid, scale: Range, aspect: Range): Generator<BlockSize> {
  for (const area of areasOf(grid, scale)) {
    for (const at of probePoints(aspectBreaks(area, aspect, grid))) {
      yield fullBlockSize(area, at, grid);
    }
  }
}

/** One draw moves scale and aspect together, so the breaks of both are mapped back to the draw. */
function* officialSizes(grid: Grid, scale: Range, aspect: Range): Generator<BlockSize> {
  const drawOf = (value: number, [min, max]: Range) =>
    min === max ? 0 : (value - min) / (max - min);
  const tokens = grid[0] * grid[1];
  const draws = areasOf(grid, scale).flatMap((area) => [
    drawOf(area / tokens, scale),
    ...aspectBreaks(area, aspect, grid).map((at) => drawOf(at, aspect)),
  ]);
  const inside = [0, 1 - 2 ** -24, ...draws.filter((draw) => draw > 0 && draw < 1)];
  for (const draw of probePoints(inside.sort((a, b) => a - b))) {
    yield referenceBlockSize(draw, { grid, scale, aspect });
  }
}

function byArea([a, b]: BlockSize, [c, d]: BlockSize): number {
  return a * b - c * d;
}

/** Every block size that some step can draw, smallest first. */
export function reachableSizes(
  config: MaskConfig,
  grid: Grid,
): { readonly targets: readonly BlockSize[]; readonly contexts: readonly BlockSize[] } {
  const sizes = config.sampler === "reference" ? officialSizes : fullSizes;
  const square = config.sampler === "reference" ? 1 : grid[0] / grid[1];
  const distinct = (all: Iterable<BlockSize>) => {
    const found = new Map<number, BlockSize>();
    for (const size of all) found.set(size[0] * (grid[1] + 1) + size[1], size);
    return [...found.values()].sort(byArea);
  };
  return {
    targets: distinct(sizes(grid, config.targetScale, config.targetAspect)),
    contexts: distinct(sizes(grid, config.contextScale, [square, square])),
  };
}
