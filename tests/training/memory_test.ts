import assert from "node:assert/strict";
import { resolveConfig } from "../../lib/config/mod.ts";
import { stepConfigOf } from "../../lib/training/step.ts";
import { describeMemory, type MemoryPlan, planMemory } from "../../lib/training/memory.ts";
import { Trainer } from "../../lib/training/trainer.ts";
import { runtimesNamed, testOn, type Tried } from "../runtimes.ts";

const [AUTO] = runtimesNamed("auto") as [Tried];

const PLAN: MemoryPlan = {
  batch: 16,
  targetBlocks: 4,
  contextTokens: 58,
  targetTokens: 42,
  programBytes: 0.5e9,
  stateBytes: 1.1e9,
  stepBytes: 0.8e9,
};
const LINE = "at most 58 context and 4 x 42 target tokens per image: about 2.4 GB of memory " +
  "(1.1 GB weights and moments, 0.8 GB a step, 0.5 GB the program), decoded images aside";

async function planOf(
  batch: number,
  { tried = AUTO, threads = 1, sets = [] as readonly string[] } = {},
): Promise<MemoryPlan> {
  const { config } = resolveConfig({ preset: "smoke", sets, flags: { batch } });
  using trainer = await Trainer.create(
    await tried.create({ threads }),
    stepConfigOf(config),
  );
  return planMemory(config, trainer)!;
}

Deno.test("planMemory() plans for the longest masks", async () => {
  const { contextTokens, targetTokens, targetBlocks, batch } = await planOf(8);
  // Of 16 patches a quarter, and targets of 2 x 2 (0.3 x 16 = 4.8).
  assert.deepEqual([contextTokens, targetTokens, targetBlocks, batch], [4, 4, 2, 8]);
});

for (const tried of runtimesNamed("native", "onnx")) {
  testOn(
    tried,
    "planMemory() grows with the batch by what a step takes, and by nothing else",
    async () => {
      const [eight, sixteen, many] = await Promise.all(
        [8, 16, 64].map((batch) => planOf(batch, { tried })),
      );
      assert.deepEqual(
        [many!.programBytes, many!.stateBytes],
        [eight!.programBytes, eight!.stateBytes],
      );
      const perImage = (sixteen!.stepBytes - eight!.stepBytes) / 8;
      assert.ok(Math.abs((many!.stepBytes - sixteen!.stepBytes) / 48 / perImage - 1) < 0.02);
      assert.ok(Math.abs(sixteen!.stepBytes / eight!.stepBytes - 2) < 0.05);
    },
  );

  testOn(
    tried,
    "planMemory() shares the batch out to lanes, which have gradients of their own",
    async () => {
      const [one, four] = [await planOf(32, { tried }), await planOf(32, { tried, threads: 4 })];
      assert.ok(Math.abs(four.stepBytes / one.stepBytes - 1) < 0.1);
      const { encoder, predictor } = { encoder: 31_584, predictor: 4_464 };
      assert.equal(four.stateBytes - one.stateBytes, 3 * 4 * (encoder + predictor));
    },
  );
}

for (const tried of runtimesNamed("native", "onnx")) {
  testOn(tried, "planMemory() counts the programs of a term over the batch", async () => {
    const none = await planOf(16, { tried });
    for (const term of ["vicreg", "sigreg"]) {
      const sets = [`objective.regularizer=${term}`, "objective.regularizerOn=tokens"];
      const some = await planOf(16, { tried, sets });
      assert.equal(some.stateBytes, none.stateBytes, "they share the weights");
      assert.ok(some.programBytes > none.programBytes);
      // At least the samples, of 16 images with 14 tokens of 32 values.
      assert.ok(some.stepBytes - none.stepBytes > 16 * 14 * 32 * 4);
    }
  });
}

Deno.test("describeMemory() says what a run needs, and what to change when there is less", () => {
  assert.deepEqual(describeMemory(PLAN, undefined), [LINE]);
  assert.deepEqual(describeMemory(PLAN, 2.4e9), [LINE]);
  assert.deepEqual(describeMemory(PLAN, 2.02e9), [
    LINE,
    "warning: that is more than the 2 GB of memory that are available, give --batch 8 or less",
  ]);
  assert.deepEqual(describeMemory(PLAN, 1.61e9), [
    LINE,
    "warning: that is more than the 1.6 GB of memory that are available, choose a smaller --preset",
  ]);
});
