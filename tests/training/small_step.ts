/** Steps of a small network, on random images with masks of changing size. */

import type { ModelConfig } from "../../lib/model/config.ts";
import { sampleMasks } from "../../lib/model/masks.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import type { TensorRecord } from "../../lib/tensor.ts";
import { initialState } from "../../lib/training/state.ts";
import type { StepConfig } from "../../lib/training/step.ts";
import type { StepInput } from "../../lib/training/trainer.ts";

export const MODEL: ModelConfig = {
  encoder: { imageSize: [32, 24], patchSize: 4, width: 32, depth: 2, heads: 2, mlpWidth: 128 },
  predictor: { width: 16, outputWidth: 32, depth: 2, heads: 2, mlpWidth: 64 },
};
const BATCH = 4, BLOCKS = 3;
export const CONFIG: StepConfig = {
  model: MODEL,
  objective: { targets: "representations", targetMasking: "output", loss: "smoothL1" },
  batch: BATCH,
  accumulate: 1,
  targetBlocks: BLOCKS,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
};
const MASKS = {
  strategy: "multiblock",
  sampler: "full",
  targetBlocks: BLOCKS,
  targetScale: [0.1, 0.3],
  targetAspect: [0.75, 1.5],
  targetPlacement: "uniform",
  contextScale: [0.85, 1],
  minKeep: 3,
} as const;

export function inputOfStep(step: number, batch = BATCH): StepInput {
  const random = new RandomStream({ seed: 7, purpose: "test images", step });
  const images = Float32Array.from({ length: batch * 3 * 32 * 24 }, () => random.normal());
  // Of another length in each step, as the contexts of other strategies are.
  const contextKeepFraction = 0.2 + 0.03 * step;
  const masks = sampleMasks({ ...MASKS, contextKeepFraction }, [8, 6], { seed: 7, step, batch });
  const hyper = { learningRate: 1e-3, weightDecay: 0.04 + 0.01 * step, emaMomentum: 0.99 };
  return { images, masks, hyper, step };
}

/** Larger weights than a real start, so that every term of every gradient matters. */
export function startOf({ model }: Pick<StepConfig, "model">): TensorRecord {
  return initialState(model, { seed: 3, initStd: 0.2, patchEmbedStd: 0.2 });
}
