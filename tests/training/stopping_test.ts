import assert from "node:assert/strict";
import { RandomStream } from "../../lib/random/mod.ts";
import type { TensorRecord } from "../../lib/tensor.ts";
import { planRun, resolveConfig } from "../../lib/config/mod.ts";
import { stepConfigOf } from "../../lib/training/step.ts";
import { train } from "../../lib/training/loop.ts";
import { initialState } from "../../lib/training/state.ts";
import { unlessAborted } from "../../lib/training/stopping.ts";
import { type StepInput, Trainer } from "../../lib/training/trainer.ts";
import { runtimesNamed, testOn, type Tried } from "../runtimes.ts";

const { config: CONFIG } = resolveConfig({
  preset: "smoke",
  flags: { batch: 8, accumulate: 4, steps: 3, checkpointSteps: 100 },
});
const STEP = stepConfigOf(CONFIG);
const START = initialState(STEP.model, { seed: 0, ...CONFIG.model });

interface Ran {
  /** Steps done in all. */
  readonly step: number;
  /** Steps that were recorded. */
  readonly recorded: readonly number[];
  /** What was saved last, and after how many steps. */
  readonly saved: { readonly step: number; readonly state: TensorRecord } | undefined;
}

/** Trains three steps of four parts, or goes on with them, until `stopping` aborts in the step of that number. */
async function trainFrom(
  { runtime, firstStep = 0, state = START, stopping }: {
    readonly runtime: Tried;
    readonly firstStep?: number;
    readonly state?: TensorRecord;
    readonly stopping?: { readonly step: number; stop(controller: AbortController): void };
  },
): Promise<Ran> {
  const controller = new AbortController();
  using trainer = await Trainer.create(await runtime.create({ threads: 2 }), STEP);
  trainer.write(state);
  const recorded: number[] = [];
  let saved: Ran["saved"];
  const { step } = await train({
    config: CONFIG,
    plan: planRun(CONFIG, 10),
    firstStep,
    trainer: {
      step(input: StepInput) {
        const running = trainer.step(input);
        if (input.step === stopping?.step) stopping.stop(controller);
        return running;
      },
      read: () => trainer.read(),
    },
    nextBatch(step) {
      const random = new RandomStream({ seed: 1, purpose: "test images", step });
      const images = Float32Array.from({ length: 8 * 3 * 32 * 32 }, () => random.normal());
      return Promise.resolve({ images, waitSeconds: 0 });
    },
    onStep: (report) => recorded.push(report.step),
    onCheckpoint(step, state) {
      saved = { step, state };
      return Promise.resolve();
    },
    warn: () => {},
    signal: controller.signal,
  });
  return { step, recorded, saved };
}

const [CPU, ONNX] = runtimesNamed("cpu", "onnx") as [Tried, Tried];

for (const runtime of [CPU, ONNX]) {
  testOn(
    runtime,
    `a step stopped between its parts has not happened, and going on gives the same bytes`,
    async () => {
      const whole = await trainFrom({ runtime });
      assert.deepEqual([whole.step, whole.recorded, whole.saved?.step], [3, [0, 1, 2], 3]);
      // The first part is under way, so there are three left.
      const stopping = { step: 1, stop: (controller: AbortController) => controller.abort() };
      const part = await trainFrom({ runtime, stopping });
      assert.deepEqual([part.step, part.recorded, part.saved?.step], [1, [0], 1]);
      const { state } = part.saved!;
      const rest = await trainFrom({ runtime, firstStep: 1, state });
      assert.deepEqual(rest.recorded, [1, 2]);
      assert.deepEqual(rest.saved, whole.saved);
    },
  );
}

Deno.test("a run stopped in its first step, or one that has just been saved, saves nothing", async () => {
  const stop = (controller: AbortController) => controller.abort();
  const first = await trainFrom({ runtime: ONNX, stopping: { step: 0, stop } });
  assert.deepEqual(first, { step: 0, recorded: [], saved: undefined });
  const again = await trainFrom({
    runtime: ONNX,
    firstStep: 2,
    stopping: { step: 2, stop },
  });
  assert.deepEqual(again, { step: 2, recorded: [], saved: undefined });
});

Deno.test("train() does not wait for images when it is stopped", async () => {
  const controller = new AbortController();
  const never = new Promise<never>(() => {});
  setTimeout(() => controller.abort(), 5);
  const { step } = await train({
    config: CONFIG,
    plan: planRun(CONFIG, 10),
    firstStep: 2,
    trainer: { step: () => never, read: () => never },
    nextBatch: () => never,
    onStep: () => {},
    onCheckpoint: () => never,
    warn: () => {},
    signal: controller.signal,
  });
  assert.equal(step, 2);
});

Deno.test("unlessAborted() gives what comes first, and passes failures on", async () => {
  const { signal } = new AbortController();
  assert.equal(await unlessAborted(Promise.resolve(1), signal), 1);
  await assert.rejects(unlessAborted(Promise.reject(new RangeError("no")), signal), RangeError);
  const stopped = AbortSignal.abort("enough");
  for (const work of [Promise.resolve(1), Promise.reject(new RangeError("no"))]) {
    assert.equal(await unlessAborted(work, stopped).catch((reason) => reason), "enough");
  }
  const later = new AbortController();
  setTimeout(() => later.abort("later"), 5);
  const work = new Promise(() => {});
  assert.equal(await unlessAborted(work, later.signal).catch((reason) => reason), "later");
});
