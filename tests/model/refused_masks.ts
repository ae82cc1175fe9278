import assert from "node:assert/strict";
import { Failure } from "../../lib/failure.ts";
import { checkMaskGeometry, type Grid, type MaskConfig } from "../../lib/model/masks.ts";

/** The settings of the official configurations. */
export const OFFICIAL: MaskConfig = {
  strategy: "multiblock",
  sampler: "reference",
  targetBlocks: 4,
  targetScale: [0.15, 0.2],
  targetAspect: [0.75, 1.5],
  targetPlacement: "uniform",
  contextScale: [0.85, 1],
  minKeep: 10,
  contextKeepFraction: 0.25,
};

/** What a set-up is refused with, or `accepted`. */
export function refusalOf(config: MaskConfig, grid: Grid): string {
  try {
    checkMaskGeometry(config, grid);
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.kind, "usage");
    return error.message;
  }
  return "accepted";
}

export function assertRefused(config: MaskConfig, grid: Grid, message: string): void {
  assert.equal(refusalOf(config, grid), `Cannot place the masks: ${message}`);
}
