import assert from "node:assert/strict";
import { type MaskConfig, type Masks, sampleMasks } from "../../lib/model/masks.ts";
import { MersenneTwister } from "../../lib/model/masks/mersenne.ts";
import { collateReferenceMasks, referenceSizes } from "../../lib/model/masks/reference.ts";
import fixture from "../fixtures/masks.json" with { type: "json" };

const OFFICIAL: MaskConfig = {
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

/** `0-2,5` is 0, 1, 2, 5. */
function ranges(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [first, last = first] = part.split("-").map(Number) as [number, number?];
    return Array.from({ length: last! - first + 1 }, (_, i) => first + i);
  });
}

function firstCall(side: number): Masks {
  const positions = new MersenneTwister(0);
  return collateReferenceMasks(OFFICIAL, [side, side], { counter: 0, batch: 3, positions });
}

/** First index of each target block: `[M B]`. */
function firstIndices({ targets, targetTokens }: Masks, batch: number): number[][] {
  return Array.from(
    { length: targets.length / (batch * targetTokens) },
    (_, m) => Array.from({ length: batch }, (_, b) => targets[(m * batch + b) * targetTokens]!),
  );
}

Deno.test("MersenneTwister gives the published numbers", () => {
  const generator = new MersenneTwister(5489);
  assert.equal(generator.uint32(), 3499211612);
  for (let i = 0; i < 9998; i++) generator.uint32();
  assert.equal(generator.uint32(), 4123659995);
});

Deno.test("MersenneTwister.uniform() gives the float32 numbers of a PyTorch CPU generator", () => {
  const golden = [
    [0.49625658988952637, 0.7682217955589294],
    [0.7576315999031067, 0.2793108820915222],
    [0.6146950721740723, 0.38101285696029663],
    [0.004263520240783691, 0.10556936264038086],
  ];
  golden.forEach((pair, seed) => {
    const generator = new MersenneTwister(seed);
    assert.deepEqual([generator.uniform(), generator.uniform()], pair);
  });
});

Deno.test("referenceSizes() gives the official block sizes of counters 0 to 7", () => {
  const golden: Record<number, { targets: string; contexts: string }> = {
    14: {
      targets: "6,6 7,5 7,5 5,6 6,5 7,5 6,5 6,5",
      contexts: Array(8).fill("13,13").join(" "),
    },
    16: {
      targets: "7,6 8,6 7,6 5,7 7,6 8,6 7,6 7,6",
      contexts: Array(8).fill("15,15").join(" "),
    },
    28: {
      targets: "12,11 14,11 13,11 9,12 13,11 14,10 13,11 13,11",
      contexts: "27,27 26,26 27,27 26,26 27,27 26,26 27,27 26,26",
    },
  };
  for (const [side, { targets, contexts }] of Object.entries(golden)) {
    const grid = [Number(side), Number(side)] as const;
    const sizes = Array.from(
      { length: 8 },
      (_, counter) => referenceSizes(OFFICIAL, grid, { counter }),
    );
    assert.equal(sizes.map(({ target }) => target.join()).join(" "), targets);
    assert.equal(sizes.map(({ context }) => context.join()).join(" "), contexts);
  }
});

Deno.test("collateReferenceMasks() repeats the official collator's first call on a 14x14 grid", () => {
  const masks = firstCall(14);
  assert.deepEqual([masks.contextTokens, masks.targetTokens], [59, 36]);
  assert.deepEqual(firstIndices(masks, 3), [[63, 72, 91], [70, 63, 104], [45, 84, 1], [49, 4, 71]]);
  assert.deepEqual(
    [...masks.context.subarray(0, 59)],
    ranges("0-12,14-26,28-40,42-44,56-58,132,146-152,154-159"),
  );
  assert.equal(masks.relaxedSamples, 0);
});

Deno.test("collateReferenceMasks() repeats the official collator's first call on 16x16 and 28x28 grids", () => {
  const sixteen = firstCall(16);
  assert.deepEqual([sixteen.contextTokens, sixteen.targetTokens], [99, 42]);
  assert.deepEqual(
    firstIndices(sixteen, 3),
    [[137, 134, 137], [32, 105, 132], [121, 22, 129], [115, 8, 121]],
  );
  const large = firstCall(28);
  assert.deepEqual([large.contextTokens, large.targetTokens], [296, 132]);
  assert.deepEqual(firstIndices(large, 3)[0], [339, 150, 178]);
});

Deno.test("collateReferenceMasks() refuses the set-up on which the official loop never ends", () => {
  const call = { counter: 3, batch: 1, positions: new MersenneTwister(0) };
  assert.throws(
    () => collateReferenceMasks(OFFICIAL, [8, 8], call),
    (error) =>
      error instanceof RangeError && error.message === "a block of 3x3 has no more than 10 tokens",
  );
});

Deno.test("sampleMasks() with the reference sampler draws the official block sizes, step by step", () => {
  for (const side of [14, 16, 8] as const) {
    const { batches, targetBlockSizes, contextBlockSizes } = fixture[side];
    const counts: Record<string, number> = {};
    for (let counter = 0; counter < batches; counter++) {
      const { target, context } = referenceSizes(OFFICIAL, [side, side], { counter });
      for (const name of [`t${target.join("x")}`, `c${context.join("x")}`]) {
        counts[name] = (counts[name] ?? 0) + 1 / batches;
      }
    }
    const wanted = [
      ...Object.entries(targetBlockSizes).map(([size, share]) => [`t${size}`, share] as const),
      ...Object.entries(contextBlockSizes).map(([size, share]) => [`c${size}`, share] as const),
    ];
    assert.deepEqual(Object.keys(counts).sort(), wanted.map(([name]) => name).sort());
    for (const [name, share] of wanted) assert.ok(Math.abs(counts[name]! - share) < 1e-9, name);
  }
});

Deno.test("sampleMasks() with the reference sampler has the official context lengths", () => {
  for (const side of [14, 16, 8] as const) {
    const config = { ...OFFICIAL, minKeep: side === 8 ? 4 : 10 };
    const { contextTokensSingleImage: single, contextTokensBatch64: batch64 } = fixture[side];
    const mean = (steps: number, batch: number) => {
      let sum = 0;
      for (let step = 0; step < steps; step++) {
        sum += sampleMasks(config, [side, side], { seed: 1, step, batch }).contextTokens;
      }
      return sum / steps;
    };
    // Four standard errors of our 1,000 and 150 draws.
    const one = mean(1000, 1);
    assert.ok(Math.abs(one - single.mean) < 4 * single.std / Math.sqrt(1000), `${side}: ${one}`);
    const many = mean(150, 64);
    assert.ok(Math.abs(many - batch64.mean) < 0.035 * batch64.mean, `${side}: ${many}`);
  }
});

Deno.test("sampleMasks() with the reference sampler has the official coverage, last row and column empty", () => {
  const config = { ...OFFICIAL, minKeep: 4 };
  const steps = 4000;
  const target = new Float64Array(64), context = new Float64Array(64);
  for (let step = 0; step < steps; step++) {
    const masks = sampleMasks(config, [8, 8], { seed: 3, step, batch: 1 });
    for (const index of masks.targets) target[index]! += 1 / (4 * steps);
    for (const index of masks.context) context[index]! += 1 / steps;
  }
  const wantedTarget = fixture[8].targetCoverage.flat();
  const wantedContext = fixture[8].contextCoverage.flat();
  for (let i = 0; i < 64; i++) {
    // Both sides have sampling noise: 16,000 blocks, 4,000 contexts.
    assert.ok(Math.abs(target[i]! - wantedTarget[i]!) < 0.02, `target ${i}`);
    assert.ok(Math.abs(context[i]! - wantedContext[i]!) < 0.04, `context ${i}`);
    if (i % 8 === 7 || i >= 56) assert.deepEqual([target[i], context[i]], [0, 0]);
  }
});

Deno.test("sampleMasks() with the reference sampler needs no replay: a step is a function of (seed, step)", () => {
  const at = { seed: 7, step: 12345, batch: 4 };
  assert.deepEqual(sampleMasks(OFFICIAL, [14, 14], at), sampleMasks(OFFICIAL, [14, 14], at));
  assert.notDeepEqual(
    sampleMasks(OFFICIAL, [14, 14], at).targets,
    sampleMasks(OFFICIAL, [14, 14], { ...at, seed: 8 }).targets,
  );
});
