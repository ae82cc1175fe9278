import assert from "node:assert/strict";
import { type Masks, MaskTally } from "../../lib/model/masks.ts";

/** Two blocks of two images on a 2x3 grid: `[M B Kt]` and `[B Kc]`. */
const STEP: Masks = {
  contextTokens: 2,
  targetTokens: 2,
  context: Int32Array.of(0, 3, 4, 5),
  targets: Int32Array.of(1, 2, 0, 1, 2, 5, 0, 4),
  relaxedSamples: 1,
  draws: 5,
};

Deno.test("MaskTally counts images, not blocks, and sees overlaps", () => {
  const tally = new MaskTally([2, 3]);
  tally.add(STEP, 2);
  const { context, target, ...rest } = tally.coverage();
  // Image 0: context 0 3, targets 1 2 and 2 5. Image 1: context 4 5, targets 0 1 and 0 4.
  assert.deepEqual([...context], [0.5, 0, 0, 0.5, 0.5, 0.5]);
  assert.deepEqual([...target], [0.5, 1, 0.5, 0, 0.5, 0.5]);
  assert.deepEqual(rest, {
    steps: 1,
    images: 2,
    contextTokens: [{ tokens: 2, share: 1 }],
    targetTokens: [{ tokens: 2, share: 1 }],
    overlap: 0.5,
    draws: 2.5,
  });
});

Deno.test("MaskTally gives token counts as shares of the steps, in ascending order", () => {
  const tally = new MaskTally([2, 3]);
  const short: Masks = {
    contextTokens: 1,
    targetTokens: 2,
    context: Int32Array.of(5, 5),
    targets: Int32Array.of(0, 1, 0, 1),
    relaxedSamples: 0,
    draws: 2,
  };
  for (const masks of [STEP, short, STEP, STEP]) tally.add(masks, 2);
  const { contextTokens, steps, images, overlap, draws } = tally.coverage();
  assert.deepEqual(contextTokens, [{ tokens: 1, share: 0.25 }, { tokens: 2, share: 0.75 }]);
  assert.deepEqual([steps, images, overlap, draws], [4, 8, 3 / 8, 17 / 8]);
});
