/** How images are drawn again, and where targets come to lie, beside other descriptions of both. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure } from "../../lib/failure.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { type Grid, type MaskConfig, MaskTally, sampleMasks } from "../../lib/model/masks.ts";

const CONFIG: MaskConfig = {
  strategy: "multiblock",
  sampler: "full",
  targetBlocks: 4,
  targetScale: [0.15, 0.2],
  targetAspect: [0.75, 1.5],
  targetPlacement: "uniform",
  contextScale: [0.85, 1],
  minKeep: 4,
  contextKeepFraction: 0.25,
};

type Size = readonly [rows: number, columns: number];

function patchesOf([top, left]: Size, [height, width]: Size, grid: Grid): number[] {
  return Array.from({ length: grid[0] * grid[1] }, (_, patch) => patch).filter((patch) => {
    const [row, column] = [Math.floor(patch / grid[1]), patch % grid[1]];
    return row >= top && row < top + height && column >= left && column < left + width;
  });
}

function placesOf([height, width]: Size, grid: Grid): Size[] {
  return Array.from({ length: grid[0] - height + 1 }, (_, top) => top).flatMap((top) =>
    Array.from({ length: grid[1] - width + 1 }, (_, left) => [top, left] as const)
  );
}

/** One image as the rule says it, in sets of patches. */
function drawnByRule(
  config: MaskConfig,
  { grid, tokens }: { readonly grid: Grid; readonly tokens: number },
  at: { readonly seed: number; readonly step: number; readonly sample: number },
) {
  const sizes = new RandomStream({ seed: at.seed, purpose: "mask-size", step: at.step });
  const area = (scale: readonly [number, number]) =>
    Math.floor(sizes.uniform(...scale) * grid[0] * grid[1]);
  const size = (patches: number, aspect: number): Size => [
    Math.min(grid[0], Math.round(Math.sqrt(patches * aspect))),
    Math.min(grid[1], Math.round(Math.sqrt(patches / aspect))),
  ];
  const targetArea = area(config.targetScale);
  const target = size(targetArea, sizes.uniform(...config.targetAspect));
  const context = size(area(config.contextScale), grid[0] / grid[1]);
  const stream = new RandomStream({ ...at, purpose: "mask-position" });
  const offset = (axis: 0 | 1, length: number) => {
    if (config.targetPlacement === "uniform") return stream.integer(grid[axis] - length + 1);
    const from = 1 - length, to = grid[axis] - 1;
    const hanging = from + stream.integer(to - from + 1);
    return hanging < 0 ? 0 : hanging + length > grid[axis] ? grid[axis] - length : hanging;
  };
  for (let draws = 1;; draws++) {
    const targets: number[][] = [];
    for (let m = 0; m < config.targetBlocks; m++) {
      const top = offset(0, target[0]);
      targets.push(patchesOf([top, offset(1, target[1])], target, grid));
    }
    const left = (place: Size) =>
      patchesOf(place, context, grid).filter((patch) => !targets.flat().includes(patch));
    const top = stream.integer(grid[0] - context[0] + 1);
    let place: Size = [top, stream.integer(grid[1] - context[1] + 1)];
    if (left(place).length < tokens) {
      const others = placesOf(context, grid).filter((other) => left(other).length >= tokens);
      if (others.length === 0) continue;
      place = others[stream.integer(others.length)]!;
    }
    const all = left(place);
    const order = all.length === tokens
      ? all
      : [...new RandomStream({ ...at, purpose: "mask-drop" }).permutation(all.length)]
        .slice(0, tokens).map((i) => all[i]!);
    return { targets, context: order.sort((a, b) => a - b), draws };
  }
}

Deno.test("sampleMasks() draws an image again as the rule says", () => {
  const settings = fc.record({
    rows: fc.integer({ min: 6, max: 10 }),
    columns: fc.integer({ min: 6, max: 10 }),
    targetBlocks: fc.integer({ min: 1, max: 5 }),
    targetPlacement: fc.constantFrom("uniform" as const, "even" as const),
    contextScale: fc.constantFrom([0.85, 1] as const, [0.5, 0.7] as const),
    percent: fc.constantFrom(20, 30, 40),
    seed: fc.nat(),
    step: fc.nat(),
  });
  let again = 0;
  fc.assert(
    fc.property(settings, ({ rows, columns, percent, seed, step, ...changes }) => {
      const config = { ...CONFIG, ...changes, contextKeepFraction: percent / 100 };
      const grid = [rows, columns] as const;
      const tokens = Math.floor(percent * rows * columns / 100);
      let masks;
      try {
        masks = sampleMasks(config, grid, { seed, step, batch: 2 });
      } catch (error) {
        assert.ok(error instanceof Failure, String(error)); // Ten thousand draws without success.
        return;
      }
      const { context, contextTokens, targets, targetTokens } = masks;
      let draws = 0;
      for (const sample of [0, 1]) {
        const wanted = drawnByRule(config, { grid, tokens }, { seed, step, sample });
        draws += wanted.draws;
        assert.deepEqual(
          [...context.subarray(sample * contextTokens, (sample + 1) * contextTokens)],
          wanted.context,
        );
        wanted.targets.forEach((target, m) => {
          const start = (2 * m + sample) * targetTokens;
          assert.deepEqual([...targets.subarray(start, start + targetTokens)], target);
        });
      }
      assert.equal(masks.draws, draws);
      if (draws > 2) again++;
    }),
    { numRuns: 200 },
  );
  assert.ok(again > 10, `only ${again} of 200 pairs of images were drawn again`);
});

Deno.test("sampleMasks() draws from all targets that leave a context, each as likely as any other", () => {
  // Two targets of 2x2 on 4x4, and a context of at least 6 in a block of 3x3: 81 pairs of places, 4 places of the block.
  const grid = [4, 4] as const;
  const config: MaskConfig = {
    ...CONFIG,
    targetBlocks: 2,
    targetScale: [0.25, 0.25],
    targetAspect: [1, 1],
    contextScale: [9 / 16, 9 / 16],
    contextKeepFraction: 6 / 16,
  };
  const expected = new Map<string, number>();
  const contextShare = new Float64Array(16);
  for (const one of placesOf([2, 2], grid)) {
    for (const two of placesOf([2, 2], grid)) {
      const targets = [patchesOf(one, [2, 2], grid), patchesOf(two, [2, 2], grid)];
      const rooms = placesOf([3, 3], grid).map((place) =>
        patchesOf(place, [3, 3], grid).filter((patch) => !targets.flat().includes(patch))
      ).filter((room) => room.length >= 6);
      if (rooms.length === 0) continue;
      expected.set(`${one} ${two}`, 1);
      for (const room of rooms) {
        for (const patch of room) contextShare[patch]! += 6 / room.length / rooms.length;
      }
    }
  }
  const images = 20_000, counts = new Map<string, number>(), tally = new MaskTally(grid);
  for (let step = 0; step < images / 50; step++) {
    const masks = sampleMasks(config, grid, { seed: 11, step, batch: 50 });
    tally.add(masks, 50);
    for (let b = 0; b < 50; b++) {
      const place = (m: number) => {
        const first = masks.targets[(50 * m + b) * 4]!;
        return `${Math.floor(first / 4)},${first % 4}`;
      };
      const key = `${place(0)} ${place(1)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  assert.ok(expected.size > 20 && expected.size < 70, `${expected.size} of 81`);
  assert.ok([...counts.keys()].every((key) => expected.has(key)));
  const mean = images / expected.size;
  const chiSquare = [...expected.keys()].reduce(
    (sum, key) => sum + ((counts.get(key) ?? 0) - mean) ** 2 / mean,
    0,
  );
  const freedom = expected.size - 1;
  assert.ok(chiSquare < freedom + 5 * Math.sqrt(2 * freedom), `chi-square ${chiSquare}`);
  const { context, draws } = tally.coverage();
  context.forEach((share, patch) => {
    const wanted = contextShare[patch]! / expected.size;
    const sigma = Math.sqrt(wanted * (1 - wanted) / images);
    assert.ok(Math.abs(share - wanted) < 5 * sigma, `patch ${patch}: ${share}, not ${wanted}`);
  });
  // The chance of a draw is that of the pairs that do, so a geometric distribution's mean.
  const chance = expected.size / 81;
  const sigma = Math.sqrt(1 - chance) / chance / Math.sqrt(images);
  assert.ok(Math.abs(draws - 1 / chance) < 5 * sigma, `${draws} draws, not ${1 / chance}`);
});

/** Chance that a block of `length` covers each row of a grid of `side`. */
function coverage(side: number, length: number, placement: "uniform" | "even"): number[] {
  return Array.from({ length: side }, (_, row) => {
    const first = Math.max(0, row - length + 1), last = Math.min(row, side - length);
    if (placement === "uniform") return (last - first + 1) / (side - length + 1);
    // The outermost places stand for all that hang over as well.
    const outer = (first === 0 ? length - 1 : 0) + (last === side - length ? length - 1 : 0);
    return (last - first + 1 + outer) / (side + length - 1);
  });
}

/** Four targets of a size: how many an image has on average at each patch, `[N]`. */
function targetsPerPatch(
  [rows, columns]: Grid,
  [height, width]: Size,
  placement: "uniform" | "even",
) {
  const across = coverage(columns, width, placement);
  return coverage(rows, height, placement).flatMap((down) => across.map((here) => 4 * down * here));
}

/** Grid and target size; the first three are those of the decision record. */
const CASES = [[[7, 7], [3, 3]], [[8, 8], [3, 3]], [[14, 14], [6, 6]], [[5, 9], [3, 4]]] as const;

Deno.test("sampleMasks() covers the grid as each placement's formula says, within 5 sigma", () => {
  for (const placement of ["uniform", "even"] as const) {
    for (const [grid, size] of CASES) {
      const area = size[0] * size[1] / (grid[0] * grid[1]);
      const config: MaskConfig = {
        ...CONFIG,
        targetBlocks: 1,
        targetScale: [area, area],
        targetAspect: [size[0] / size[1], size[0] / size[1]],
        contextScale: [1, 1],
        targetPlacement: placement,
      };
      const tally = new MaskTally(grid);
      const images = 12_000;
      for (let step = 0; step < images / 100; step++) {
        tally.add(sampleMasks(config, grid, { seed: 9, step, batch: 100 }), 100);
      }
      const { target, draws } = tally.coverage();
      assert.equal(draws, 1);
      targetsPerPatch(grid, size, placement).forEach((targets, patch) => {
        const wanted = targets / 4;
        const sigma = Math.sqrt(wanted * (1 - wanted) / images);
        const what = `${placement} ${grid} patch ${patch}: ${target[patch]}, not ${wanted}`;
        assert.ok(Math.abs(target[patch]! - wanted) < 5 * sigma, what);
      });
    }
  }
});

Deno.test("even placement has the evenness that its decision record states", () => {
  const row = (grid: Grid, size: Size, placement: "uniform" | "even") => {
    const shares = targetsPerPatch(grid, size, placement);
    const [rows, columns] = grid;
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const deviation = Math.sqrt(
      shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length,
    );
    const middle = Math.floor(columns / 2);
    const centre = shares[Math.floor(rows / 2) * columns + middle]!;
    return [shares[0]!, shares[middle]!, centre, Math.max(...shares), deviation / mean]
      .map((value) => value.toFixed(2)).join(" ");
  };
  // Corner, middle of a side, centre, most; deviation over mean.
  assert.deepEqual(
    CASES.slice(0, 3).flatMap(([grid, size]) => [
      row(grid, size, "uniform"),
      row(grid, size, "even"),
    ]),
    [
      "0.16 0.48 1.44 1.44 0.57",
      "0.44 0.44 0.44 1.23 0.31",
      "0.11 0.33 1.00 1.00 0.54",
      "0.36 0.36 0.36 1.00 0.32",
      "0.05 0.30 1.78 1.78 0.70",
      "0.40 0.40 0.40 1.34 0.32",
    ],
  );
});
