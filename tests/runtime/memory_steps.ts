/**
 * Trains 2,000 steps and prints by how many bytes the resident memory has grown after the first 400. A program of its
 * own: other tests share the test process, and its memory.
 */

import assert from "node:assert/strict";
import type { ModelConfig } from "../../lib/model/config.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { initialState } from "../../lib/training/state.ts";
import type { StepConfig } from "../../lib/training/step.ts";
import { type StepInput, Trainer } from "../../lib/training/trainer.ts";

const MODEL: ModelConfig = {
  encoder: { imageSize: [32, 32], patchSize: 4, width: 32, depth: 1, heads: 2, mlpWidth: 128 },
  predictor: { width: 16, outputWidth: 32, depth: 1, heads: 2, mlpWidth: 64 },
};
const CONFIG: StepConfig = {
  model: MODEL,
  objective: { targets: "representations", targetMasking: "output", loss: "smoothL1" },
  batch: 4,
  accumulate: 1,
  targetBlocks: 2,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
};

/** A step whose mask sizes change from step to step. */
function inputOf(step: number, images: Float32Array<ArrayBuffer>): StepInput {
  const random = new RandomStream({ seed: 1, purpose: "memory test", step });
  const contextTokens = 5 + random.integer(40), targetTokens = 2 + random.integer(15);
  const draw = (count: number) => Int32Array.from({ length: count }, () => random.integer(64));
  return {
    images,
    masks: {
      contextTokens,
      targetTokens,
      context: draw(4 * contextTokens),
      targets: draw(2 * 4 * targetTokens),
    },
    hyper: { learningRate: 1e-4, weightDecay: 0.04, emaMomentum: 0.99 },
    step,
  };
}

const runtime = await createRuntime("onnx", { threads: 1 });
const trainer = await Trainer.create(runtime, CONFIG);
trainer.write(initialState(MODEL, { seed: 1, initStd: 0.02, patchEmbedStd: 0.1 }));
const images = new Float32Array(4 * 3 * 32 * 32).fill(0.5);
let settled = 0;
for (let step = 0; step < 2000; step++) {
  const { loss } = await trainer.step(inputOf(step, images));
  assert.ok(Number.isFinite(loss), `loss of step ${step}`);
  if (step === 400) settled = Deno.memoryUsage().rss;
}
const grown = Deno.memoryUsage().rss - settled;
trainer[Symbol.dispose]();
console.log(grown);
Deno.exit(0);
