import assert from "node:assert/strict";
import { planRun, type PretrainConfig, resolveConfig } from "../../lib/config/mod.ts";
import { type LoopParts, type StepReport, train } from "../../lib/training/loop.ts";
import type { StepInput } from "../../lib/training/trainer.ts";
import { WALL_CLOCK_COLUMNS } from "../../lib/run/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";

const CONFIG: PretrainConfig = resolveConfig({
  preset: "smoke",
  sets: ["run.checkpointSteps=4", "schedule.steps=10", "run.batch=2"],
}).config;

interface Story {
  readonly reports: StepReport[];
  readonly checkpoints: [step: number, count: number][];
  readonly warnings: string[];
  readonly inputs: StepInput[];
}

/** Trains with a trainer that counts its steps; `resultOf` makes up the loss and the target deviation. */
async function trainCounting(
  { resultOf = () => [0.4, 0.5], othersOf = () => ({}), stateOf = (count) => count, ...changes }:
    & {
      resultOf?: (step: number) => readonly [loss: number, std: number];
      othersOf?: (step: number) => Pick<StepReport, "regularizer" | "gradient_norm">;
      stateOf?: (count: number) => number;
      signal?: AbortSignal;
      onStep?: (report: StepReport) => void;
    }
    & Partial<Pick<LoopParts, "firstStep" | "config" | "stopOnCollapse">>,
): Promise<Story & { readonly end?: Awaited<ReturnType<typeof train>>; readonly error?: unknown }> {
  const { firstStep = 0, config = CONFIG, signal = new AbortController().signal } = changes;
  const story: Story = { reports: [], checkpoints: [], warnings: [], inputs: [] };
  let count = firstStep;
  const trainer: LoopParts["trainer"] = {
    step(input) {
      story.inputs.push(input);
      const [loss, target_std] = resultOf(count);
      const others = othersOf(count++);
      return Promise.resolve({ loss, target_std, target_cosine: 0.25, ...others });
    },
    read: () => Promise.resolve({ "encoder.w": floatTensor([1], Float32Array.of(stateOf(count))) }),
  };
  const images = new Float32Array(config.run.batch * 3 * 32 * 32);
  const parts: LoopParts = {
    config,
    plan: planRun(config, 5),
    firstStep,
    trainer,
    nextBatch: () => Promise.resolve({ images, waitSeconds: 0 }),
    onStep(report) {
      story.reports.push(report);
      changes.onStep?.(report);
    },
    onCheckpoint(step, state) {
      story.checkpoints.push([step, state["encoder.w"]!.data[0] as number]);
      return Promise.resolve();
    },
    warn: (text) => story.warnings.push(text),
    signal,
    stopOnCollapse: changes.stopOnCollapse ?? false,
  };
  try {
    return { ...story, end: await train(parts) };
  } catch (error) {
    return { ...story, error };
  }
}

Deno.test("train() runs every step once and saves by rhythm and at the end", async () => {
  const { reports, checkpoints, end, warnings } = await trainCounting({});
  assert.deepEqual(reports.map(({ step }) => step), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(checkpoints, [[4, 4], [8, 8], [10, 10]]);
  assert.deepEqual(end, { step: 10, loss: 0.4 });
  assert.deepEqual(warnings, []);
});

Deno.test("train() feeds a step the same masks and schedule values wherever it starts", async () => {
  const whole = await trainCounting({}), part = await trainCounting({ firstStep: 6 });
  assert.deepEqual(part.reports.map(({ step }) => step), [6, 7, 8, 9]);
  assert.deepEqual(part.inputs, whole.inputs.slice(6));
  const repeated = (report: StepReport) =>
    Object.entries(report).filter(([name]) => !(WALL_CLOCK_COLUMNS as string[]).includes(name));
  assert.deepEqual(part.reports.map(repeated), whole.reports.slice(6).map(repeated));
});

Deno.test("train() finishes the step under way and saves it when the signal comes", async () => {
  const controller = new AbortController();
  const { checkpoints, end } = await trainCounting({
    signal: controller.signal,
    onStep({ step }) {
      if (step !== 5) return;
      // As a handler of the process would: it can only run when the loop lets events in, and is due by then.
      setTimeout(() => controller.abort(), 0);
      for (const end = performance.now() + 10; performance.now() < end;);
    },
  });
  assert.deepEqual(checkpoints, [[4, 4], [6, 6]]);
  assert.equal(end?.step, 6);
});

Deno.test("train() does nothing when the signal came before the first step", async () => {
  const { reports, checkpoints, end } = await trainCounting({ signal: AbortSignal.abort() });
  assert.deepEqual([reports, checkpoints], [[], []]);
  assert.deepEqual(end, { step: 0, loss: undefined });
});

Deno.test("train() stops at a term or a gradient that is no number, as at a loss", async () => {
  for (
    const [key, what] of [["regularizer", "regularizer"], ["gradient_norm", "gradients' norm"]]
  ) {
    const { checkpoints, reports, error } = await trainCounting({
      othersOf: (step) => ({ [key!]: step === 6 ? Infinity : 0.5 }),
    });
    assert.deepEqual([checkpoints, reports.length], [[[4, 4]], 6]);
    assert.equal(reports[0]![key as keyof StepReport], 0.5);
    assert.equal(
      (error as Error).message.split(";")[0],
      `Training failed at step 6: the ${what} is Infinity`,
    );
  }
});

Deno.test("train() stops at a loss that is no number and saves nothing more", async () => {
  const { checkpoints, reports, error } = await trainCounting({
    resultOf: (step) => [step === 6 ? NaN : 0.4, 0.5],
  });
  assert.deepEqual(checkpoints, [[4, 4]]);
  assert.equal(reports.length, 6);
  assert.equal((error as { kind: string }).kind, "collapsed");
  assert.equal(
    (error as Error).message,
    "Training failed at step 6: the loss is NaN; checkpoints written before are untouched. Start again in " +
      "another --out with a lower schedule.learningRate or a longer schedule.warmupSteps",
  );
});

Deno.test("train() does not save a state that holds a value that is no number", async () => {
  const { checkpoints, error } = await trainCounting({
    stateOf: (count) => count < 8 ? count : Infinity,
  });
  assert.deepEqual(checkpoints, [[4, 4]]);
  assert.match(
    (error as Error).message,
    /^Training failed after step 7: encoder\.w holds Infinity; checkpoints written before/,
  );
});

Deno.test("train() passes on what the alarms say", async () => {
  const config = { ...CONFIG, schedule: { ...CONFIG.schedule, steps: 40 } };
  const { warnings } = await trainCounting({ config, resultOf: () => [0.2, 0.001] });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /^step 14: the targets hardly differ between images \(/);
});

Deno.test("train() with stopOnCollapse ends when a collapse lasts, after it has saved", async () => {
  const config = { ...CONFIG, schedule: { ...CONFIG.schedule, steps: 200 } };
  const collapsing = {
    config,
    resultOf: (step: number) => [0.2, step < 50 ? 0.5 : 0.001] as const,
  };
  const { checkpoints, reports, error } = await trainCounting({
    ...collapsing,
    stopOnCollapse: true,
  });
  // Deviations of ten steps are averaged: from the tenth on it is below 0.01. Then it has 50 steps to pass.
  assert.equal(reports.length, 110);
  assert.deepEqual(checkpoints.at(-1), [110, 110]);
  assert.equal((error as { kind: string }).kind, "collapsed");
  assert.equal(
    (error as Error).message,
    "Stopped after 110 of 200 steps: since step 59 the targets hardly differ between images (mean cosine 0.250, " +
      "deviation 0.0010); a checkpoint is written, and the same command without --stop-on-collapse goes on; " +
      "schedule.learningRate=0.001 is the first value to lower where all others are as usual, " +
      "start again in another --out with --set schedule.learningRate=0.0005 " +
      "or --set objective.regularizer=vicreg",
  );
  const without = await trainCounting(collapsing);
  assert.deepEqual([without.end?.step, without.error], [200, undefined]);
  const healthy = await trainCounting({ config, stopOnCollapse: true });
  assert.equal(healthy.end?.step, 200);
});

Deno.test("train() with stopOnCollapse lets a run whose last step it is end as usual", async () => {
  const config = { ...CONFIG, schedule: { ...CONFIG.schedule, steps: 60 } };
  const ended = await trainCounting({ config, resultOf: () => [0.2, 0.001], stopOnCollapse: true });
  assert.equal(ended.end?.step, 60);
});
