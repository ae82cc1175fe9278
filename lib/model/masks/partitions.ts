/** The strategies that partition the image: the paper's comparisons with `multiblock`. */
import { RandomStream } from "../../random/mod.ts";
import { type Block, blockIndices, contextIndices, packMasks, type SampleMasks } from "./blocks.ts";
import { keepSome } from "./full.ts";
import { place } from "./places.ts";
import { fullBlockSize, tokensIn } from "./sizes.ts";
import {
  type BlockSize,
  formatSize,
  type Grid,
  type MaskConfig,
  type MaskPosition,
  type Masks,
  type MaskStrategy,
} from "./types.ts";

/** Settings that come with a strategy. */
interface StrategySettings {
  /** The paper's values, in place of the preset's. */
  readonly values: Partial<MaskConfig>;
  /** Those among them that follow from the strategy. */
  readonly fixed: readonly (keyof MaskConfig)[];
}

/** The paper's comparisons (docs/method.md section 3.4), and the settings that remain free. */
export const STRATEGY_SETTINGS: Readonly<Record<MaskStrategy, StrategySettings>> = {
  multiblock: { values: {}, fixed: [] },
  rasterized: {
    values: {
      targetBlocks: 3,
      targetScale: [0.25, 0.25],
      targetAspect: [1, 1],
      contextScale: [0.25, 0.25],
      contextKeepFraction: 1,
      targetPlacement: "uniform",
    },
    fixed: ["targetBlocks", "targetScale", "targetAspect", "targetPlacement", "contextScale"],
  },
  block: {
    values: {
      targetBlocks: 1,
      targetScale: [0.6, 0.6],
      targetAspect: [0.75, 1.5],
      contextScale: [1, 1],
      contextKeepFraction: 1,
      targetPlacement: "uniform",
    },
    fixed: ["targetBlocks", "targetPlacement", "contextScale"],
  },
  random: {
    values: {
      targetBlocks: 1,
      targetScale: [0.6, 0.6],
      targetAspect: [1, 1],
      contextScale: [1, 1],
      contextKeepFraction: 1,
      targetPlacement: "uniform",
    },
    fixed: ["targetBlocks", "targetAspect", "targetPlacement", "contextScale"],
  },
};

/** The part of a range of aspects at which a block of `area` fits the grid; its nearest end where none does. */
export function fittingAspects(
  area: number,
  [min, max]: readonly [number, number],
  [rows, columns]: Grid,
): readonly [min: number, max: number] {
  const fit = (aspect: number) => Math.min(Math.max(aspect, area / columns ** 2), rows ** 2 / area);
  return [fit(min), fit(max)];
}

/** Size of the target of `block`: never cut off by the grid, since the strategy fixes the area. */
function largeBlockSize(area: number, aspect: number, grid: Grid): BlockSize {
  return fullBlockSize(area, fittingAspects(area, [aspect, aspect], grid)[0], grid);
}

/** The four equal quadrants of an even grid, in raster order. */
function quadrants(grid: Grid): Block[] {
  if (grid.some((side) => side % 2 !== 0)) {
    throw new RangeError(`a grid of ${formatSize(grid)} has no equal quadrants`);
  }
  const [rows, columns] = grid;
  const size = [rows / 2, columns / 2] as const;
  return [0, size[0]].flatMap((top) => [0, size[1]].map((left) => ({ top, left, size })));
}

type DrawSample = (stream: RandomStream) => Pick<SampleMasks, "targets" | "context">;

function drawQuadrants(grid: Grid): DrawSample {
  const parts = quadrants(grid).map((block) => blockIndices(block, grid));
  return (stream) => {
    const chosen = stream.integer(parts.length);
    return { targets: parts.filter((_, i) => i !== chosen), context: parts[chosen]! };
  };
}

/** How an image of this step is partitioned. Sizes are the same for the whole batch, and independent of its length. */
function drawerOf(config: MaskConfig, grid: Grid, at: MaskPosition): DrawSample {
  if (config.strategy === "rasterized") return drawQuadrants(grid);
  const sizes = new RandomStream({ seed: at.seed, purpose: "mask-size", step: at.step });
  const area = tokensIn(sizes.uniform(...config.targetScale), grid);
  const whole: Block = { top: 0, left: 0, size: grid };
  const parted = (target: Int32Array) => ({
    targets: [target],
    context: contextIndices(whole, [target], grid),
  });
  if (config.strategy === "block") {
    const size = largeBlockSize(area, sizes.uniform(...config.targetAspect), grid);
    return (stream) => parted(blockIndices(place(size, { grid, stream }), grid));
  }
  return (stream) =>
    parted(Int32Array.from(stream.permutation(grid[0] * grid[1]).subarray(0, area)).sort());
}

/**
 * Masks of the strategies that partition the image into context and targets: `rasterized`, `block`, `random`. All
 * contexts of a step are equally long by themselves; `contextKeepFraction` may shorten them. An image's masks are a
 * function of (seed, step, its place in the batch).
 *
 * @throws {RangeError} a target or context has no more than `minKeep` tokens; `checkMaskGeometry` finds that before
 * training
 */
export function samplePartitionMasks(config: MaskConfig, grid: Grid, at: MaskPosition): Masks {
  const draw = drawerOf(config, grid, at);
  const limit = tokensIn(config.contextKeepFraction, grid);
  const samples = Array.from({ length: at.batch }, (_, sample): SampleMasks => {
    const { targets, context } = draw(
      new RandomStream({ ...at, purpose: "mask-position", sample }),
    );
    const dropping = new RandomStream({ ...at, purpose: "mask-drop", sample });
    const kept = keepSome(context, Math.min(limit, context.length), dropping);
    return { targets, context: kept, relaxed: false, draws: 1 };
  });
  const masks = packMasks(samples);
  for (const name of ["context", "target"] as const) {
    const tokens = masks[`${name}Tokens`];
    if (tokens <= config.minKeep) {
      throw new RangeError(`a ${name} of ${tokens} has no more than ${config.minKeep} tokens`);
    }
  }
  return masks;
}
