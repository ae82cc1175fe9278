import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ConfigPatch,
  DEFAULTS,
  planNotices,
  planRun,
  type PretrainConfig,
  type ScheduleConfig,
} from "../../lib/config/mod.ts";
import { hyperAt } from "../../lib/training/schedules.ts";
import fixture from "../fixtures/schedule.json" with { type: "json" };

function withSchedule(lengths: ConfigPatch["schedule"]): PretrainConfig {
  const { epochs: _epochs, warmupEpochs: _warmupEpochs, ...curves } = DEFAULTS.schedule;
  return { ...DEFAULTS, schedule: { ...curves, ...lengths } as ScheduleConfig };
}

/** Equal in all the digits that the golden value shows. */
function assertDigits(value: number, golden: string): void {
  const digits = golden.replace(/e.*$/, "").replace(/^0*\.0*|\./g, "").length;
  assert.equal(Number(value.toPrecision(digits)), Number(golden));
}

Deno.test("hyperAt() gives the official values of a 300-epoch run", () => {
  const config = withSchedule({ epochs: 300, warmupEpochs: 40 });
  const rates = {
    1: "2.00032e-4",
    12500: "6.0e-4",
    25000: "1e-3",
    25001: "9.999999999067e-4",
    93750: "6.200381743116e-4",
    150000: "1.266188812885e-4",
    187500: "1e-6",
  };
  for (const [t, rate] of Object.entries(rates)) {
    assertDigits(hyperAt(config, Number(t) - 1, 625).learningRate, rate);
  }
  const decays = {
    1: ".04000000002527",
    12500: ".04393343186791",
    25000: ".05556181762433",
    93750: ".22",
    150000: ".3656230589875",
    187500: ".4",
  };
  for (const [t, decay] of Object.entries(decays)) {
    assertDigits(hyperAt(config, Number(t) - 1, 625).weightDecay, decay);
  }
  const momenta = {
    1: ".996",
    12500: ".996266645333",
    25000: ".996533312",
    187500: ".999999978667",
  };
  for (const [t, momentum] of Object.entries(momenta)) {
    assertDigits(hyperAt(config, Number(t) - 1, 625).emaMomentum, momentum);
  }
});

const SMALL = {
  1: ["2.2e-4", ".040022206153"],
  39: ["9.8e-4", ".072733050863"],
  40: ["1e-3", ".074376941013"],
  41: ["9.9990371662e-4", ".076056761472"],
  100: ["6.9165037447e-4", ".22"],
  120: ["5.005e-4", ".27562305899"],
  199: ["1.0962833792e-6", ".39997779385"],
  200: ["1e-6", ".4"],
} as const;

Deno.test("hyperAt() gives the official values of a small run, in epochs and in steps alike", () => {
  const inEpochs = withSchedule({ epochs: 20, warmupEpochs: 4 });
  const inSteps = withSchedule({ steps: 200, warmupSteps: 40 });
  for (const [t, [rate, decay]] of Object.entries(SMALL)) {
    const hyper = hyperAt(inEpochs, Number(t) - 1, 10);
    assertDigits(hyper.learningRate, rate);
    assertDigits(hyper.weightDecay, decay);
    assert.deepEqual(hyperAt(inSteps, Number(t) - 1, 7), hyper);
  }
});

Deno.test("hyperAt() repeats the reference run with fractional warm-up and ipe_scale 1.25", () => {
  const config = { ...DEFAULTS, schedule: fixture.schedule };
  fixture.steps.forEach((wanted, step) => {
    const hyper = hyperAt(config, step, fixture.stepsPerEpoch);
    for (const key of ["learningRate", "weightDecay", "emaMomentum"] as const) {
      const error = Math.abs(hyper[key] / wanted[key] - 1);
      assert.ok(error < 1e-14, `step ${step} ${key}: ${hyper[key]}, wanted ${wanted[key]}`);
    }
  });
});

Deno.test("hyperAt() stays within its ends, for any lengths", () => {
  const settings = fc.record({
    steps: fc.integer({ min: 1, max: 300 }),
    warmupSteps: fc.integer({ min: 0, max: 400 }),
    ipeScale: fc.double({ min: 1, max: 2, noNaN: true }),
    finalWeightDecay: fc.constantFrom(0.4, 0.01),
    emaEnd: fc.constantFrom(1, 0.9),
  });
  fc.assert(fc.property(settings, ({ steps, ...rest }) => {
    const config = withSchedule({ steps, ...rest });
    for (let step = 0; step < steps; step++) {
      const { learningRate, weightDecay, emaMomentum } = hyperAt(config, step, 10);
      assert.ok(learningRate >= 1e-6 && learningRate <= 1e-3);
      assert.ok(Math.abs(weightDecay - 0.205) <= 0.195 + 1e-12);
      assert.ok(emaMomentum >= Math.min(0.996, rest.emaEnd) && emaMomentum <= 1);
    }
  }));
});

Deno.test("planRun() converts epochs to steps once", () => {
  const plan = planRun(withSchedule({ epochs: 2, warmupEpochs: 0.3, ipeScale: 1.25 }), 10);
  assert.deepEqual(plan, { steps: 20, stepsPerEpoch: 10, warmupSteps: 3, scheduleSteps: 25 });
  assert.equal(planRun(withSchedule({ epochs: 0.01, warmupSteps: 0 }), 10).steps, 1);
});

Deno.test("planNotices() tells of a warm-up that outlasts the run", () => {
  assert.deepEqual(planNotices(planRun(withSchedule({ steps: 3, warmupSteps: 100 }), 10)), [
    "the warm-up of 100 steps does not end within the run of 3, so the learning rate never " +
    "reaches its peak, see schedule.warmupSteps",
  ]);
  assert.deepEqual(planNotices(planRun(withSchedule({ steps: 300, warmupSteps: 100 }), 10)), []);
});
