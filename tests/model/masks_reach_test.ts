/** Which lengths of contexts come up often enough, and which set-ups are refused for want of them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkMaskGeometry,
  type MaskConfig,
  maskTokenBounds,
  sampleMasks,
} from "../../lib/model/masks.ts";
import { assertRefused, OFFICIAL, refusalOf } from "./refused_masks.ts";

const FULL: MaskConfig = { ...OFFICIAL, sampler: "full" };

Deno.test("checkMaskGeometry() refuses contexts that are too long, and names the longest", () => {
  // One target of 4x4 on 8x8 leaves 48 tokens, wherever it lies, and an image has no 49th.
  const one = {
    ...FULL,
    targetBlocks: 1,
    targetScale: [0.25, 0.25],
    targetAspect: [1, 1],
    contextScale: [1, 1],
  } as const;
  checkMaskGeometry({ ...one, contextKeepFraction: 0.75 }, [8, 8]);
  assertRefused(
    { ...one, contextKeepFraction: 0.77 },
    [8, 8],
    "contexts of 49 tokens (masks.contextKeepFraction 0.77) are too long on the 8x8 grid: fewer " +
      "than 5 % of the draws of targets (1 of 4x4) leave more than 48 tokens of the 8x8 context " +
      "block, set masks.contextKeepFraction to at most 0.75, or lower masks.targetScale or " +
      "masks.targetBlocks",
  );
});

Deno.test("checkMaskGeometry() refuses what fewer than a twentieth of the draws reach, and no more", () => {
  // Two targets of one patch in a row of N patches leave N - 1 where they fall together: a chance of 1 in N.
  const of = (patches: number): MaskConfig => ({
    ...FULL,
    targetBlocks: 2,
    contextScale: [1, 1],
    minKeep: 0,
    targetScale: [1 / patches, 1 / patches],
    targetAspect: [1, 1],
    contextKeepFraction: (patches - 1) / patches,
  });
  checkMaskGeometry(of(9), [1, 9]); // 11 %
  assert.match(
    refusalOf(of(60), [1, 60]), // 1.7 %
    /leave more than 58 tokens of the 1x60 context block, set masks\.contextKeepFraction to at most 0\.97, or/,
  );
});

Deno.test("checkMaskGeometry() names a fraction that passes, and one more token does not", () => {
  const settings = fc.record({
    rows: fc.integer({ min: 6, max: 15 }),
    columns: fc.integer({ min: 6, max: 15 }),
    targetBlocks: fc.integer({ min: 1, max: 6 }),
    largest: fc.double({ min: 0.1, max: 0.3, noNaN: true }),
    smallestContext: fc.double({ min: 0.5, max: 1, noNaN: true }),
    targetPlacement: fc.constantFrom("uniform" as const, "even" as const),
  });
  fc.assert(
    fc.property(settings, (drawn) => {
      const { rows, columns, targetBlocks, largest, smallestContext, targetPlacement } = drawn;
      const config = {
        ...FULL,
        targetBlocks,
        targetScale: [0.1, largest],
        contextScale: [smallestContext, 1],
        targetPlacement,
        minKeep: 0,
        contextKeepFraction: 1,
      } as const;
      const message = refusalOf(config, [rows, columns]);
      const [, tokens, fraction] =
        /more than (\d+) tokens .* masks\.contextKeepFraction to at most ([\d.]+),/.exec(message) ??
          [];
      fc.pre(fraction !== undefined); // Nothing is left in nearly all draws.
      const contextKeepFraction = Number(fraction);
      assert.deepEqual(
        maskTokenBounds({ ...config, contextKeepFraction }, [rows, columns]).contextTokens,
        [Number(tokens), Number(tokens)],
      );
      checkMaskGeometry({ ...config, contextKeepFraction }, [rows, columns]);
      const longer = { ...config, contextKeepFraction: (Number(tokens) + 1) / (rows * columns) };
      assert.notEqual(refusalOf(longer, [rows, columns]), "accepted");
    }),
    { numRuns: 60 },
  );
});

Deno.test("checkMaskGeometry() ends soon on the largest grid, whatever the ranges", () => {
  const wide = {
    ...FULL,
    targetScale: [0.01, 0.3],
    targetAspect: [0.01, 100],
    targetBlocks: 16,
    contextScale: [0.5, 1],
  } as const;
  assert.match(refusalOf(wide, [128, 128]), /are too long on the 128x128 grid/);
});

Deno.test("checkMaskGeometry() passes nothing that cannot be sampled", () => {
  const range = (min: number, max: number) =>
    fc.tuple(fc.double({ min, max, noNaN: true }), fc.double({ min, max, noNaN: true }))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const settings = fc.record({
    strategy: fc.constant("multiblock" as const),
    sampler: fc.constantFrom("full" as const, "reference" as const),
    rows: fc.integer({ min: 1, max: 12 }),
    columns: fc.integer({ min: 1, max: 12 }),
    targetBlocks: fc.integer({ min: 1, max: 9 }),
    targetScale: range(0.01, 1),
    targetAspect: range(0.2, 5),
    targetPlacement: fc.constantFrom("uniform" as const, "even" as const),
    contextScale: range(0.1, 1),
    contextKeepFraction: fc.double({ min: 0.05, max: 0.6, noNaN: true }),
    minKeep: fc.nat({ max: 6 }),
    seed: fc.nat(),
    step: fc.nat(),
  });
  const passed = { full: 0, reference: 0 };
  fc.assert(
    fc.property(settings, ({ rows, columns, seed, step, ...config }) => {
      if (refusalOf(config, [rows, columns]) !== "accepted") return;
      passed[config.sampler]++;
      const masks = sampleMasks(config, [rows, columns], { seed, step, batch: 8 });
      assert.ok(masks.contextTokens > config.minKeep && masks.targetTokens > config.minKeep);
      const bounds = maskTokenBounds(config, [rows, columns]);
      assert.ok(masks.contextTokens >= bounds.contextTokens[0]);
      assert.ok(masks.contextTokens <= bounds.contextTokens[1]);
      // At a chance of 4 % a draw, 8 images take more than 700 once in 10,000 cases; most take 8.
      assert.ok(masks.draws < 700, `${masks.draws} draws`);
    }),
    { numRuns: 1500 },
  );
  // About 70 of each pass on average; the property must not hold for want of cases.
  assert.ok(Math.min(passed.full, passed.reference) > 10, JSON.stringify(passed));
});
