import assert from "node:assert/strict";
import { AlarmWatch, type WatchedReport } from "../../lib/training/alarms.ts";
import { planRun, resolveConfig } from "../../lib/config/mod.ts";

const HEALTHY = { loss: 0.2, target_std: 0.5, target_cosine: 0.4, target_rank: 6 };
type Signs = Omit<WatchedReport, "step">;

/** What is said of a run of 1,000 steps with a warm-up of 100, and from when on until when its collapse lasts. */
function watch(
  signsOf: (step: number) => Partial<Signs>,
  sets: readonly string[] = [],
): {
  readonly said: string[];
  readonly lasting: readonly [first: number, last: number] | undefined;
} {
  const { config } = resolveConfig({
    preset: "scenes",
    sets: ["schedule.steps=1000", "schedule.warmupSteps=100", ...sets],
  });
  const plan = planRun(config, 100);
  const alarms = new AlarmWatch({ config, plan, drawn: true });
  const said: string[] = [], lasting: number[] = [];
  for (let step = 0; step < plan.steps; step++) {
    const { target_rank, ...signs } = { ...HEALTHY, ...signsOf(step) };
    said.push(...alarms.check({ step, ...signs, ...step % 10 === 0 ? { target_rank } : {} }));
    if (alarms.lastingCollapse(step) !== undefined) lasting.push(step);
  }
  return { said, lasting: lasting.length === 0 ? undefined : [lasting[0]!, lasting.at(-1)!] };
}

const ADVICE =
  "schedule.learningRate=0.002 is the first value to lower where all others are as usual, start again in " +
  "another --out with --set schedule.learningRate=0.001 or --set objective.regularizer=vicreg";
/** Makes all other values usual for 1,000 steps. */
const USUAL = ["schedule.emaStart=0.975"];

Deno.test("AlarmWatch says nothing of a healthy run, nor of one that is plain", () => {
  assert.deepEqual(watch(() => ({})), { said: [], lasting: undefined });
  const plain = watch(() => ({ target_cosine: 0.97, target_rank: 3, target_std: 0.02 }));
  assert.deepEqual(plain, { said: [], lasting: undefined });
});

Deno.test("AlarmWatch warns once of targets that stay alike, with step, values and advice", () => {
  const { said, lasting } = watch(
    (step) => step < 300 ? {} : { target_cosine: 0.99, target_rank: 2 },
    USUAL,
  );
  // The mean of ten steps is above 0.98 with all ten of them.
  assert.deepEqual(said, [
    "step 309: the targets hardly differ between images (mean cosine 0.990, deviation 0.50, effective rank 4.7 of 32), " +
    `a sign of collapse; ${ADVICE}`,
  ]);
  assert.deepEqual(lasting, [409, 999]);
});

Deno.test("AlarmWatch warns of targets on one line, whatever their signs, and of a deviation near 0", () => {
  const line = watch((step) => step < 300 ? {} : { target_cosine: 0, target_rank: 1.3 }, USUAL);
  assert.deepEqual(line.said, [
    "step 320: the targets hardly differ between images (mean cosine 0.00, deviation 0.50, effective rank 1.3 of 32), " +
    `a sign of collapse; ${ADVICE}`,
  ]);
  const flat = watch(() => ({ target_std: 0.001 }), USUAL);
  assert.match(flat.said[0]!, /^step 109: the targets hardly differ .* deviation 0\.0010\)/);
});

Deno.test("AlarmWatch takes what passes for no collapse", () => {
  const single = watch((step) => step % 100 < 5 ? { target_cosine: 1 } : {});
  assert.deepEqual(single, { said: [], lasting: undefined });
  const bump = watch((step) => step >= 300 && step < 380 ? { target_cosine: 0.99 } : {}, USUAL);
  assert.equal(bump.said.length, 1);
  assert.equal(bump.lasting, undefined);
  const twice = watch(
    (step) => step >= 300 && step % 300 < 150 ? { target_cosine: 0.99 } : {},
    USUAL,
  );
  assert.equal(twice.said.length, 1);
  assert.deepEqual(twice.lasting, [409, 749]);
});

Deno.test("AlarmWatch takes a start before the end of the warm-up for none", () => {
  const early = watch((step) =>
    step < 100 ? { target_cosine: 0.999, target_rank: 1.1, target_std: 0.005 } : {}
  );
  assert.deepEqual(early, { said: [], lasting: undefined });
  const stays = watch(() => ({ target_cosine: 0.999 }), USUAL);
  assert.match(stays.said[0]!, /^step 109: /);
  assert.deepEqual(stays.lasting, [209, 999]);
  // A warm-up of half the run hides a collapse for a quarter of it only.
  const long = watch(() => ({ target_cosine: 0.999 }), ["schedule.warmupSteps=500"]);
  assert.match(long.said[0]!, /^step 259: /);
});

Deno.test("AlarmWatch counts a tenth of a run as lasting, at least 50 steps and at most 1,000", () => {
  const lastingFrom = (steps: number) => {
    const sets = [`schedule.steps=${steps}`, "schedule.warmupSteps=20"];
    return watch(() => ({ target_cosine: 0.99 }), sets).lasting?.[0];
  };
  assert.equal(lastingFrom(60), undefined);
  assert.equal(lastingFrom(200), 79);
  assert.equal(lastingFrom(1000), 129);
  assert.equal(lastingFrom(12_000), 1029);
});

Deno.test("AlarmWatch judges no pixels, and no rank of a few images", () => {
  const collapsed = { target_cosine: 1, target_rank: 1, target_std: 0, loss: 0.001 };
  assert.deepEqual(watch(() => collapsed, ["objective.targets=pixels"]).said, []);
  assert.equal(watch(() => ({ target_rank: 1.2 }), ["run.batch=2"]).said.length, 0);
  assert.equal(watch(() => ({ target_rank: 1.2 }), ["run.batch=8"]).said.length, 1);
  assert.equal(watch(() => ({ target_cosine: 0.99 }), ["run.batch=2"]).said.length, 1);
  // A single image has nothing to differ from.
  assert.deepEqual(
    watch(() => ({ target_cosine: 0, target_std: 0, target_rank: 1 }), ["run.batch=1"]).said,
    [],
  );
});

Deno.test("AlarmWatch warns once of a loss near zero in the first quarter, with advice", () => {
  const early = watch(() => ({ loss: 0.006 }), ["model.patchEmbedStd=0.02"]);
  assert.deepEqual(early.said, [
    "step 9: the loss is near zero early (0.0060), which is a warning and no success: the targets may depend on " +
    "position alone; model.patchEmbedStd=0.02 is small for patches of 4 px, start again in another --out with " +
    "--set model.patchEmbedStd=0.08 or --set objective.regularizer=vicreg",
  ]);
  assert.deepEqual(watch((step) => step < 250 ? {} : { loss: 0.006 }).said, []);
});
