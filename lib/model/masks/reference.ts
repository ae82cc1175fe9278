/** The `reference` sampler: the official collator, bit by bit. */
import { RandomStream } from "../../random/mod.ts";
import { roundHalfEven } from "../../round_half_even.ts";
import { type Block, blockIndices, contextIndices, packMasks, type SampleMasks } from "./blocks.ts";
import { MersenneTwister } from "./mersenne.ts";
import type { BlockSize, Grid, MaskConfig, MaskPosition, Masks } from "./types.ts";

/** Draws of a context before one target fewer is excluded. */
const TIMEOUT = 20;

/**
 * Block size of the official collator. One draw decides scale and aspect, and a block never spans the grid.
 *
 * @param draw a number in [0, 1)
 */
export function referenceBlockSize(
  draw: number,
  { grid: [rows, columns], scale, aspect }: {
    grid: Grid;
    scale: readonly [number, number];
    aspect: readonly [number, number];
  },
): BlockSize {
  const area = Math.floor(rows * columns * (scale[0] + draw * (scale[1] - scale[0])));
  const ratio = aspect[0] + draw * (aspect[1] - aspect[0]);
  return [
    Math.min(rows - 1, roundHalfEven(Math.sqrt(area * ratio))),
    Math.min(columns - 1, roundHalfEven(Math.sqrt(area / ratio))),
  ];
}

/** Sizes of the batch with this counter (the official collator counts its calls from 0). */
export function referenceSizes(
  config: MaskConfig,
  grid: Grid,
  { counter }: { readonly counter: number },
): { readonly target: BlockSize; readonly context: BlockSize } {
  const generator = new MersenneTwister(counter >>> 0);
  const target = referenceBlockSize(generator.uniform(), {
    grid,
    scale: config.targetScale,
    aspect: config.targetAspect,
  });
  const context = referenceBlockSize(generator.uniform(), {
    grid,
    scale: config.contextScale,
    aspect: [1, 1],
  });
  return { target, context };
}

/** The upper bounds are exclusive and lack a + 1, so the last row and column stay empty: the official behaviour. */
function place(size: BlockSize, grid: Grid, positions: MersenneTwister): Block {
  const top = positions.integer(grid[0] - size[0]);
  const left = positions.integer(grid[1] - size[1]);
  return { top, left, size };
}

function drawSample(
  config: MaskConfig,
  { grid, sizes, positions }: {
    grid: Grid;
    sizes: ReturnType<typeof referenceSizes>;
    positions: MersenneTwister;
  },
): SampleMasks {
  const blocks = config.targetBlocks;
  const targets = Array.from(
    { length: blocks },
    () => blockIndices(place(sizes.target, grid, positions), grid),
  );
  for (let attempt = 0;; attempt++) {
    const excluded = Math.max(0, blocks - Math.floor(attempt / TIMEOUT));
    const block = place(sizes.context, grid, positions);
    const context = contextIndices(block, targets.slice(0, excluded), grid);
    if (context.length > config.minKeep) {
      return { targets, context, relaxed: excluded < blocks, draws: 1 };
    }
  }
}

/**
 * One call of the official multi-block collator, bit by bit (docs/method.md section 3.3; its golden values are tests).
 *
 * @param call `counter` seeds the block sizes; `positions` is the process-wide generator, which moves on
 * @throws {RangeError} the official loop would never end: a block cannot have more than `minKeep` tokens
 */
export function collateReferenceMasks(
  config: MaskConfig,
  grid: Grid,
  call: {
    readonly counter: number;
    readonly batch: number;
    readonly positions: MersenneTwister;
  },
): Masks {
  const sizes = referenceSizes(config, grid, call);
  for (const [rows, columns] of [sizes.target, sizes.context]) {
    if (rows * columns <= config.minKeep) {
      throw new RangeError(
        `a block of ${rows}x${columns} has no more than ${config.minKeep} tokens`,
      );
    }
  }
  const samples = Array.from(
    { length: call.batch },
    () => drawSample(config, { grid, sizes, positions: call.positions }),
  );
  const contextTokens = Math.min(...samples.map(({ context }) => context.length));
  return packMasks(
    samples.map((drawn) => ({ ...drawn, context: drawn.context.subarray(0, contextTokens) })),
  );
}

/**
 * The official collator inside a run. Sizes follow the step, as its counter does. Positions come from a generator that
 * is seeded afresh by (seed, step): officially one stream runs on from call to call, in an order that worker processes
 * make unrepeatable, and a resumed run would have to replay it.
 */
export function sampleReferenceMasks(config: MaskConfig, grid: Grid, at: MaskPosition): Masks {
  const key = new RandomStream({ seed: at.seed, purpose: "reference-masks", step: at.step });
  const positions = new MersenneTwister(key.uint32());
  return collateReferenceMasks(config, grid, { counter: at.step, batch: at.batch, positions });
}
