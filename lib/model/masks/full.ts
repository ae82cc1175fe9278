import { RandomStream } from "../../random/mod.ts";
import { type Block, blockIndices, contextIndices, packMasks, type SampleMasks } from "./blocks.ts";
import type { BlockSize, Grid, MaskConfig, MaskPosition, Masks } from "./types.ts";

/** Draws with the same targets excluded before one target fewer is excluded. */
const ATTEMPTS = 20;

/** The size of a block of about `area` patches, rows / columns near `aspect`, that fits the grid. */
export function fullBlockSize(area: number, aspect: number, [rows, columns]: Grid): BlockSize {
  return [
    Math.min(rows, Math.round(Math.sqrt(area * aspect))),
    Math.min(columns, Math.round(Math.sqrt(area / aspect))),
  ];
}

/** Patches in a fraction of the grid; a product such as 0.29 x 100 must not lose one to rounding. */
export function tokensIn(fraction: number, [rows, columns]: Grid): number {
  return Math.floor(fraction * rows * columns + 1e-9);
}

/** Block sizes of a step: the same for the whole batch, and independent of its length. */
function drawSizes(config: MaskConfig, { grid, at }: { grid: Grid; at: MaskPosition }) {
  const stream = new RandomStream({ seed: at.seed, purpose: "mask-size", step: at.step });
  const targetArea = tokensIn(stream.uniform(...config.targetScale), grid);
  const targetAspect = stream.uniform(...config.targetAspect);
  const contextArea = tokensIn(stream.uniform(...config.contextScale), grid);
  return {
    target: fullBlockSize(targetArea, targetAspect, grid),
    // The context keeps the shape of the grid, so that a scale of 1 is the whole image, square or not.
    context: fullBlockSize(contextArea, grid[0] / grid[1], grid),
  };
}

/** A block of this size, anywhere on the grid. */
export function place(
  size: BlockSize,
  { grid, stream }: { grid: Grid; stream: RandomStream },
): Block {
  return {
    top: stream.integer(grid[0] - size[0] + 1),
    left: stream.integer(grid[1] - size[1] + 1),
    size,
  };
}

/** Draws until the context is long enough; each ATTEMPTS failures, one more target (from the last) may be overlapped. */
function drawSample(
  config: MaskConfig,
  { grid, sizes, stream }: {
    grid: Grid;
    sizes: { readonly target: BlockSize; readonly context: BlockSize };
    stream: RandomStream;
  },
): SampleMasks {
  const blocks = config.targetBlocks;
  for (let attempt = 0;; attempt++) {
    const targets = Array.from(
      { length: blocks },
      () => blockIndices(place(sizes.target, { grid, stream }), grid),
    );
    const excluded = Math.max(0, blocks - Math.floor(attempt / ATTEMPTS));
    const block = place(sizes.context, { grid, stream });
    const context = contextIndices(block, targets.slice(0, excluded), grid);
    if (context.length > config.minKeep) return { targets, context, relaxed: excluded < blocks };
    if (excluded === 0) {
      throw new RangeError(
        `a context block of ${block.size.join("x")} has no more than ${config.minKeep} tokens`,
      );
    }
  }
}

/** A uniformly random subset of `tokens` of the indices, ascending. A smaller subset is part of a larger one. */
export function keepSome(indices: Int32Array, tokens: number, stream: RandomStream): Int32Array {
  if (indices.length === tokens) return indices;
  return Int32Array.from(stream.permutation(indices.length).subarray(0, tokens), (i) => indices[i]!)
    .sort();
}

/**
 * Multi-block masks over the whole grid: scale and aspect are drawn separately, blocks reach every row and column, and
 * contexts are brought to the length of the batch's shortest by dropping patches at random. An image's masks are a
 * function of (seed, step, its place in the batch); the batch decides only how many context patches are dropped.
 *
 * @throws {RangeError} the sizes cannot exceed `minKeep`; `checkMaskGeometry` says so before training
 */
export function sampleFullMasks(config: MaskConfig, grid: Grid, at: MaskPosition): Masks {
  const sizes = drawSizes(config, { grid, at });
  const samples = Array.from({ length: at.batch }, (_, sample) => {
    const stream = new RandomStream({ ...at, purpose: "mask-position", sample });
    return drawSample(config, { grid, sizes, stream });
  });
  const limit = tokensIn(config.contextKeepFraction ?? 1, grid);
  const contextTokens = samples.reduce(
    (least, { context }) => Math.min(least, context.length),
    limit,
  );
  return packMasks(samples.map((drawn, sample) => {
    const stream = new RandomStream({ ...at, purpose: "mask-drop", sample });
    return { ...drawn, context: keepSome(drawn.context, contextTokens, stream) };
  }));
}
