/**
 * Which patches are context and which are targets: integers only, a pure function of (seed, step, sample).
 *
 * @module
 */
import { sampleFullMasks } from "./masks/full.ts";
import { samplePartitionMasks } from "./masks/partitions.ts";
import { sampleReferenceMasks } from "./masks/reference.ts";
import type { Grid, MaskConfig, MaskPosition, Masks } from "./masks/types.ts";

export { masksOfImages } from "./masks/blocks.ts";
export { type MaskCoverage, MaskTally, meanTokens, type TokenShare } from "./masks/coverage.ts";
export { checkMaskGeometry, maskTokenBounds } from "./masks/geometry.ts";
export { STRATEGY_SETTINGS } from "./masks/partitions.ts";
export type {
  Grid,
  MaskConfig,
  MaskIndices,
  MaskPosition,
  Masks,
  MaskStrategy,
  TokenBounds,
} from "./masks/types.ts";

/**
 * The masks of one training step. Check the set-up once with `checkMaskGeometry` first.
 *
 * @throws {Failure} `usage`: contexts of this length do not occur
 * @throws {RangeError} a strategy or sampler without a fixed length cannot give more than `minKeep` tokens
 */
export function sampleMasks(config: MaskConfig, grid: Grid, at: MaskPosition): Masks {
  if (config.strategy !== "multiblock") return samplePartitionMasks(config, grid, at);
  return config.sampler === "reference"
    ? sampleReferenceMasks(config, grid, at)
    : sampleFullMasks(config, grid, at);
}
