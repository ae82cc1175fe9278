/** Exponents, shares and the check: what is computed from measured numbers, and when it is too much. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { barsFor, type Baseline, judge } from "../../bench/check/baseline.ts";
import { reachOf, workBytes } from "../../bench/check/check.ts";
import { flawOfGrowth, growthExponent } from "../../bench/growth/exponents.ts";
import { growingData, writeHollowShards } from "../../bench/growth/data.ts";
import { growingSteps } from "../../bench/growth/steps.ts";
import { readClock, recordTimes } from "../../bench/overhead/clock.ts";
import { flawsOfShares, medianShares, type Shares, sharesOf } from "../../bench/overhead/shares.ts";
import { STEP_CASES } from "../../bench/step/cases.ts";
import { openShards } from "../../lib/data/mod.ts";
import { scalarsRecord, startRecord, versionRecord } from "../../lib/formats/tfevents.ts";
import { stateShapes } from "../../lib/training/state.ts";
import { withFolder } from "../folder.ts";

function near(got: number, wanted: number): void {
  assert.ok(Math.abs(got - wanted) < 1e-9, `wanted ${wanted}, got ${got}`);
}

Deno.test("growthExponent() is exact on powers, and the best line through others", () => {
  const sizes = [1, 2, 4, 8];
  near(growthExponent({ sizes, costs: [3, 12, 48, 192] }), 2);
  near(growthExponent({ sizes, costs: [5, 5, 5, 5] }), 0);
  near(growthExponent({ sizes: [10, 100, 1000], costs: [1, 100, 100] }), 1);
  assert.throws(
    () => growthExponent({ sizes: [4, 4], costs: [1, 2] }),
    new RangeError(
      "Cannot fit an exponent: wanted positive costs of two or more sizes, got 1, 2 of 4, 4",
    ),
  );
});

Deno.test("flawOfGrowth() names a growth that is more than 0.25 above what is expected", () => {
  const curve = { what: "images of a dataset that is opened", sizes: [10, 100, 1000] };
  assert.equal(flawOfGrowth({ ...curve, costs: [1, 12, 150] }, 1), undefined);
  assert.equal(flawOfGrowth({ ...curve, costs: [1, 2, 3] }, 1), undefined);
  assert.equal(
    flawOfGrowth({ ...curve, costs: [1, 100, 10_000] }, 1),
    "Cost grows too fast with the images of a dataset that is opened: wanted an exponent of at most " +
      "1.25 (1.00 by the mathematics and 0.25 for noise), got 2.00 from 10 to 1000, profile the " +
      "largest size",
  );
});

Deno.test("steps grow as their matrix products do: tokens between 1 and 2, width nearly 2", async () => {
  await withFolder(async (folder) => {
    const expected: Record<string, number> = {};
    for (const { name, prepare } of growingSteps(folder, { threads: 1 })) {
      const growth = await prepare();
      assert.ok(growth.sizes.length >= 4 && growth.contestants.length === growth.sizes.length);
      expected[name] = growth.expected;
    }
    near(expected["batch"]!, 1);
    assert.ok(expected["tokens"]! > 1 && expected["tokens"]! < 2, `${expected["tokens"]}`);
    assert.ok(expected["width"]! > 1.8 && expected["width"]! < 2, `${expected["width"]}`);
    assert.ok(Math.abs(expected["depth"]! - 1) < 0.1, `${expected["depth"]}`);
  });
});

Deno.test("writeHollowShards() makes a dataset that opens and reads like any other", async () => {
  await withFolder(async (folder) => {
    await writeHollowShards(folder, { images: 10, shards: 3 });
    const { manifest, split } = await openShards(folder);
    assert.deepEqual(manifest.splits["train"]!.shards.map(({ images }) => images), [3, 3, 4]);
    await using train = split("train");
    assert.equal(train.length, 10);
    assert.equal((await train.readImage(9)).length, 1024);
  });
  assert.deepEqual(growingData("none").map(({ name }) => name), [
    "open-images",
    "open-shards",
    "order-images",
    "read-images",
    "read-shards",
    "shard-images",
    "shard-shards",
  ]);
});

/** An events file of three steps. */
function events(): Uint8Array {
  const steps = [110, 113, 118].map((time, step) => scalarsRecord(time, step, { "train/loss": 1 }));
  return Uint8Array.from(
    [versionRecord(107), startRecord(107, 0), ...steps].flatMap((record) => [...record]),
  );
}

Deno.test("recordTimes() reads when each step was written", () => {
  assert.deepEqual(recordTimes(events()), [110, 113, 118]);
});

Deno.test("readClock() and sharesOf() take the wall clock of a run apart", async () => {
  await withFolder(async (run) => {
    await Deno.mkdir(join(run, "tensorboard"));
    await Deno.writeFile(join(run, "tensorboard/events"), events());
    const lines = [[3, 0.5], [2, 0], [4, 0.25]].map(([seconds, data_wait_fraction]) =>
      JSON.stringify({ seconds, data_wait_fraction }) + "\n"
    );
    await Deno.writeTextFile(join(run, "metrics.jsonl"), lines.join(""));
    const clock = await readClock(run, { processStart: 100, processEnd: 127 });
    assert.deepEqual([clock.steps, clock.waits], [[3, 2, 4], [1.5, 0, 1]]);
    // The first step begins at 107; of 20 seconds, 9 are steps, 2 lie between them and 9 after the last.
    assert.deepEqual(sharesOf(clock, 0.1), {
      train_seconds: 20,
      start_seconds: 7,
      data_wait_share: 0.125,
      between_share: 0.1,
      after_share: 0.45,
      monitor_share: 0.1 * 3 / 20,
      overhead_share: (2 + 9 + 0.1 * 3) / 20,
    });
  });
});

const SHARES: Shares = {
  train_seconds: 20,
  start_seconds: 1,
  data_wait_share: 0.03,
  between_share: 0.01,
  after_share: 0.01,
  monitor_share: 0.005,
  overhead_share: 0.025,
};

Deno.test("flawsOfShares() names the shares that are too large", () => {
  assert.deepEqual(flawsOfShares(SHARES), []);
  const large = { ...SHARES, data_wait_share: 0.05, between_share: 0.02, overhead_share: 0.035 };
  assert.deepEqual(flawsOfShares(large), [
    "Monitors, checkpoints and logging take too much of a run: wanted less than 3.0 %, got 3.5 % " +
    "(2.0 % between steps, 1.0 % after the last, 0.5 % monitors), see what grew in lib/run",
    "Training waits too long for images: wanted at most 3.0 % of a run, got 5.0 %, see what grew in " +
    "lib/data or lib/images",
  ]);
  assert.deepEqual(medianShares([SHARES, large, large]), large);
});

Deno.test("workBytes() counts weights, moments, images and masks", () => {
  const step = STEP_CASES.find(({ name }) => name === "32px")!;
  const state = Object.values(stateShapes(step.step.model))
    .map((shape) => shape.reduce((size, side) => size * side, 1));
  const inputs = 64 * 3 * 32 * 32 + 64 * (32 + 4 * 12);
  assert.equal(workBytes(step), 4 * (state.reduce((sum, size) => sum + size, 0) + inputs));
});

const BASELINE: Baseline = {
  format: "ijepa-bench-baseline",
  version: 1,
  machines: {
    "apple-m2-8-cores": {
      threads: 4,
      gemm_share: 0.6,
      memory_ratio: 20,
      date: "2026-01-02",
      commit: null,
    },
  },
  floor: { threads: 2, gemm_share: 0.3, memory_ratio: 30 },
};

Deno.test("barsFor() gives 15 % to a machine with an entry, and the floor to others", () => {
  const { threads, gemm_share, memory_ratio } = barsFor(BASELINE, "apple-m2-8-cores");
  assert.equal(threads, 4);
  near(gemm_share, 0.51);
  near(memory_ratio!, 23);
  assert.deepEqual(barsFor(BASELINE, "toString"), {
    ...{ threads: 2, gemm_share: 0.3, memory_ratio: 30 },
    origin: 'the floor for machines without an entry, as "toString" is',
  });
});

Deno.test("judge() passes what is within the bars and says what is not", () => {
  const bars = barsFor(BASELINE, "apple-m2-8-cores");
  const verdict = (gemm_share: number | undefined, memory_ratio: number | null) =>
    judge({ gemm_share, memory_ratio }, bars);
  assert.deepEqual(verdict(0.52, 22.9), { passed: 2, failures: [] });
  assert.deepEqual(verdict(undefined, 22.9), { passed: 1, failures: [] });
  assert.deepEqual(verdict(0.9, null), { passed: 1, failures: [] });
  assert.deepEqual(verdict(0.5, 24), {
    passed: 0,
    failures: [
      "Step 32px is too slow: wanted at least 51.0 % of the rate of large products (15 % from what " +
      '"apple-m2-8-cores" has reached), got 50.0 %, find what has changed it, or keep it with ' +
      '"deno task bench check --update"',
      "Step 32px takes too much memory: wanted a peak of at most 23.0 times state and inputs (15 % " +
      'from what "apple-m2-8-cores" has reached), got 24.0, find what has changed it, or keep it ' +
      'with "deno task bench check --update"',
    ],
  });
});

Deno.test("reachOf() takes the best of the quiet rounds, and the most memory of all", () => {
  const round = (quiet_pairs: number, gflops: number, gemm_limit_gflops: number, peak: number) => ({
    ...{ quiet_pairs, gflops, gemm_limit_gflops, peak_memory_bytes: peak },
  });
  const rounds = [round(1, 100, 200, 40), round(1, 120, 150, 50), round(0, 500, 90, 60)];
  assert.deepEqual(reachOf(rounds, 20), { gemm_share: 0.6, memory_ratio: 3 });
  assert.deepEqual(reachOf([rounds[2]!], 20), { gemm_share: undefined, memory_ratio: 3 });
});
