import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkMaskGeometry,
  type MaskConfig,
  maskTokenBounds,
  sampleMasks,
} from "../../lib/model/masks.ts";
import { reachableSizes } from "../../lib/model/masks/reachable.ts";
import { assertRefused, OFFICIAL } from "./refused_masks.ts";

const FULL: MaskConfig = { ...OFFICIAL, sampler: "full" };

Deno.test("checkMaskGeometry() accepts the official settings on the official grids", () => {
  for (const side of [14, 16, 28]) {
    checkMaskGeometry(OFFICIAL, [side, side]);
    checkMaskGeometry(FULL, [side, side]);
    checkMaskGeometry({ ...FULL, targetPlacement: "even" }, [side, side]);
  }
  checkMaskGeometry({ ...OFFICIAL, minKeep: 8 }, [8, 8]);
  checkMaskGeometry({ ...FULL, minKeep: 7 }, [8, 8]);
});

Deno.test("checkMaskGeometry() refuses a min_keep that no target can reach, where the official code hangs", () => {
  assertRefused(
    OFFICIAL,
    [8, 8],
    "masks.minKeep 10 wants more than 10 tokens, but on the 8x8 grid a target block of " +
      "masks.targetScale [0.15,0.2] can be 3x3 = 9, set masks.minKeep to at most 8, or raise " +
      "masks.targetScale or data.imageSize",
  );
  assertRefused(
    FULL,
    [1, 1],
    "masks.minKeep 10 wants more than 10 tokens, but on the 1x1 grid a target block of " +
      "masks.targetScale [0.15,0.2] can be 0x0 = 0, raise masks.targetScale or data.imageSize",
  );
});

Deno.test("checkMaskGeometry() refuses a context block that is too small", () => {
  assertRefused(
    { ...FULL, contextScale: [0.04, 0.2] },
    [14, 14],
    "masks.minKeep 10 wants more than 10 tokens, but on the 14x14 grid a context block of " +
      "masks.contextScale [0.04,0.2] can be 3x3 = 9, set masks.minKeep to at most 8, or raise " +
      "masks.contextScale or data.imageSize",
  );
});

Deno.test("checkMaskGeometry() refuses targets that leave no context", () => {
  const large = { targetScale: [0.9, 1], targetAspect: [1, 1] } as const;
  assertRefused(
    { ...OFFICIAL, ...large },
    [14, 14],
    "a target of 13x13 leaves at most 0 tokens of a 13x13 context on the 14x14 grid, but " +
      "masks.minKeep wants more than 10, lower masks.targetScale or raise masks.contextScale",
  );
  assertRefused(
    { ...FULL, ...large },
    [14, 14],
    "contexts of 49 tokens (masks.contextKeepFraction 0.25) are too long on the 14x14 grid: " +
      "fewer than 5 % of the draws of targets (4 of 14x14) leave more than 0 tokens of the 13x13 " +
      "context block, lower masks.targetScale or masks.targetBlocks, or raise masks.contextScale",
  );
});

Deno.test("checkMaskGeometry() refuses official masks that nearly always leave too little context", () => {
  assertRefused(
    { ...OFFICIAL, targetScale: [0.6, 0.6], targetAspect: [1, 1], targetBlocks: 8 },
    [9, 9],
    "8 targets leave too few tokens for a context in 100 % of trial images on the 9x9 grid, " +
      "lower masks.targetBlocks, masks.targetScale or masks.minKeep",
  );
});

Deno.test("checkMaskGeometry() refuses contexts below min_keep", () => {
  assertRefused(
    { ...FULL, contextKeepFraction: 0.05 },
    [14, 14],
    "masks.contextKeepFraction 0.05 keeps 9 of 196 tokens, but masks.minKeep wants more than 10, " +
      "raise masks.contextKeepFraction or lower masks.minKeep",
  );
});

Deno.test("checkMaskGeometry() refuses a single row, and even targets, with the reference sampler", () => {
  assertRefused(
    OFFICIAL,
    [1, 14],
    "the reference sampler wants at least 2 rows and 2 columns of patches, got 1x14, " +
      "set masks.sampler to full, or raise data.imageSize",
  );
  assertRefused(
    { ...OFFICIAL, targetPlacement: "even" },
    [14, 14],
    "masks.sampler reference places targets as the official collator does, but " +
      "masks.targetPlacement is even, leave one of the two out",
  );
});

Deno.test("reachableSizes() lists the block sizes that the official collator was seen to draw", () => {
  const sizes = (side: number) =>
    reachableSizes(OFFICIAL, [side, side]).targets.map((size) => size.join("x")).sort().join(" ");
  assert.equal(sizes(14), "5x6 6x5 6x6 7x5 8x5");
  assert.equal(sizes(16), "5x7 6x6 6x7 7x6 8x6 9x6");
  assert.equal(sizes(28), "10x12 11x11 11x12 12x11 13x11 14x10 14x11 15x10 9x12");
  assert.equal(reachableSizes(OFFICIAL, [28, 28]).contexts.join(" "), "26,26 27,27");
});

Deno.test("maskTokenBounds() holds for every step of the reference sampler", () => {
  const settings = fc.record({
    rows: fc.integer({ min: 7, max: 16 }),
    columns: fc.integer({ min: 7, max: 16 }),
    targetBlocks: fc.integer({ min: 1, max: 5 }),
    seed: fc.nat(),
    step: fc.nat({ max: 1e6 }),
    batch: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(settings, ({ rows, columns, seed, step, batch, targetBlocks }) => {
      const config = { ...OFFICIAL, targetBlocks, minKeep: 3 };
      const { contextTokens, targetTokens } = maskTokenBounds(config, [rows, columns]);
      const masks = sampleMasks(config, [rows, columns], { seed, step, batch });
      assert.ok(masks.contextTokens >= contextTokens[0] && masks.contextTokens <= contextTokens[1]);
      assert.ok(masks.targetTokens >= targetTokens[0] && masks.targetTokens <= targetTokens[1]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("maskTokenBounds() is exact for the full sampler: both ends come up, contexts have one length", () => {
  for (const grid of [[8, 8], [14, 14], [12, 7]] as const) {
    const config = { ...FULL, targetScale: [0.12, 0.2], minKeep: 4 } as const;
    const context = Math.floor(grid[0] * grid[1] / 4);
    const { contextTokens, targetTokens } = maskTokenBounds(config, grid);
    const seen = Array.from(
      { length: 1500 },
      (_, step) => sampleMasks(config, grid, { seed: 0, step, batch: 1 }),
    );
    assert.deepEqual(contextTokens, [context, context]);
    assert.ok(seen.every((masks) => masks.contextTokens === context));
    const lengths = seen.map((masks) => masks.targetTokens);
    assert.deepEqual([Math.min(...lengths), Math.max(...lengths)], targetTokens);
  }
});

Deno.test("maskTokenBounds() is exact where everything is fixed", () => {
  const scenes = {
    ...FULL,
    targetScale: [0.15, 0.15],
    targetAspect: [1, 1],
    contextScale: [1, 1],
    minKeep: 4,
    contextKeepFraction: 0.375,
  } as const;
  const bounds = maskTokenBounds(scenes, [8, 8]);
  assert.deepEqual(bounds, { contextTokens: [24, 24], targetTokens: [9, 9] });
});
