/**
 * Which patches are context and which are targets: integers only, a pure function of (seed, step, sample).
 *
 * @module
 */
import { sampleFullMasks } from "./masks/full.ts";
import { sampleReferenceMasks } from "./masks/reference.ts";
import type { Grid, MaskConfig, MaskPosition, Masks } from "./masks/types.ts";

export { checkMaskGeometry, maskTokenBounds, type TokenBounds } from "./masks/geometry.ts";
export type { Grid, MaskConfig, MaskPosition, Masks } from "./masks/types.ts";

/**
 * The masks of one training step. Check the set-up once with `checkMaskGeometry` first.
 *
 * @throws {RangeError} the set-up cannot give more than `minKeep` tokens
 */
export function sampleMasks(config: MaskConfig, grid: Grid, at: MaskPosition): Masks {
  return config.sampler === "reference"
    ? sampleReferenceMasks(config, grid, at)
    : sampleFullMasks(config, grid, at);
}
