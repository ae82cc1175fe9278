/** The named configurations, with their reasons. */
import { Failure } from "../failure.ts";
import { ENCODER_SIZES } from "../model/presets.ts";
import { suggestion } from "../nearest.ts";
import type { ConfigPatch } from "./settings.ts";

/** A named configuration: its differences from `DEFAULTS`, and its purpose. */
export interface Preset {
  readonly values: ConfigPatch;
  /**
   * Proposed when no preset is given, for images near its size and at least so many of them.
   *
   * @default never proposed
   */
  readonly fromImages?: number;
}

/**
 * The demo's recipe: 32 px scenes. A context of 24 of 64 tokens and four 3x3 targets, always. Why these values:
 * docs/decisions/0006.
 *
 * `deno task demo` runs it, 5 minutes on 2 cores (AMD Zen 5, AVX-512); one seed, probes 47.7 % for the number of objects
 * (random initialisation 32.4 %), R2 0.506 for the distance of the nearest (0.316).
 */
const SCENES: ConfigPatch = {
  // Close crops would show objects of sizes that whole scenes never have.
  data: { imageSize: 32, cropScale: [0.9, 1] },
  model: {
    patchSize: 4,
    width: 128,
    depth: 5,
    heads: 4,
    // 0.02 suits a width of 1280. At 128 the blocks contribute almost nothing: targets are then patch and position
    // only, and drift to position alone.
    initStd: 0.06,
    // With 48 inputs per patch, 0.02 makes targets that are nearly functions of position alone.
    patchEmbedStd: 0.1,
    predictorWidth: 64,
    predictorDepth: 3,
    predictorHeads: 4,
  },
  masks: {
    targetScale: [0.15, 0.15],
    targetAspect: [1, 1],
    contextScale: [1, 1],
    minKeep: 4,
    contextKeepFraction: 0.375,
  },
  schedule: { steps: 2600, warmupSteps: 200, learningRate: 2e-3, emaStart: 0.99 },
  run: { batch: 32, checkpointSteps: 250 },
};

/**
 * The whole chain in seconds, for tests and CI; it learns nothing.
 *
 * `deno task pretrain --preset smoke --shards SHARDS --out RUN`: seconds, not measured.
 */
const SMOKE: ConfigPatch = {
  data: { imageSize: 32 },
  model: {
    patchSize: 8,
    width: 32,
    depth: 2,
    heads: 2,
    patchEmbedStd: 0.05,
    predictorWidth: 16,
    predictorDepth: 1,
    predictorHeads: 2,
  },
  masks: { targetBlocks: 2, targetScale: [0.2, 0.3], minKeep: 1 },
  schedule: { steps: 20, warmupSteps: 5 },
  run: { batch: 8, checkpointSteps: 10 },
};

/**
 * Small pictures on one machine: one recipe for inputs of several sizes, found at 28 px (docs/recipes.md). There, on 2
 * cores (AMD Zen 5, AVX-512), it takes 4.3 minutes: Fashion-MNIST, test pictures, mean of three seeds, logistic 88.7 % and
 * neighbours 85.6 % from ninths (random initialisation 87.7 and 81.4). Other sizes: not measured yet;
 * `deno task reference --recipe "--preset NAME"` does it.
 */
function extraSmall(image: { readonly pixels: number; readonly patch: number }): ConfigPatch {
  return {
    data: { imageSize: image.pixels, cropScale: [0.5, 1] },
    model: {
      patchSize: image.patch,
      // Depth pays more here than width: docs/recipes.md.
      width: 128,
      depth: 8,
      heads: 4,
      predictorWidth: 64,
      predictorDepth: 3,
      predictorHeads: 4,
    },
    masks: { targetScale: [0.2, 0.3], minKeep: 4, contextKeepFraction: 0.25 },
    objective: { regularizer: "vicreg" },
    // Twice as many steps were no better.
    schedule: { steps: 4000, warmupSteps: 300 },
    run: { batch: 32, checkpointSteps: 500 },
  };
}

/**
 * A ViT-S/16, the smallest encoder that results on ImageNet are published for. Its recipe has not been run: hours and
 * accuracy are not measured. `deno task pretrain --preset vits16 --shards SHARDS --out RUN`.
 */
const SMALL: ConfigPatch = {
  data: { imageSize: 224 },
  model: {
    patchSize: 16,
    ...ENCODER_SIZES.small,
    predictorWidth: 192,
    predictorDepth: 6,
    predictorHeads: 6,
  },
  masks: { minKeep: 4, contextKeepFraction: 0.3 },
  schedule: { epochs: 200, warmupEpochs: 10, startLearningRate: 1e-4, learningRate: 5e-4 },
  run: { batch: 256 },
};

/**
 * The paper's recipes. The context is a quarter of the grid, the default, which the official code reaches on average, by
 * truncation at 128 images per device; the batch is that of all devices together. `--set masks.sampler=reference` gives
 * the official masks themselves. `deno task pretrain --preset vith14-in1k --shards SHARDS --out RUN`.
 * Hours and accuracy of this code: not measured. Paper, ImageNet linear: B/16 600 epochs 72.9, L/16 600 epochs 77.5,
 * H/14 79.3 (72 hours on 16 A100), H/16-448 81.1.
 */
function paper(
  name: "base" | "large" | "huge" | "giant",
  recipe: {
    readonly pixels: number;
    readonly patch: number;
    readonly predictorDepth: number;
    readonly epochs: number;
    readonly warmupEpochs: number;
  },
): ConfigPatch {
  return {
    data: { imageSize: recipe.pixels },
    model: {
      patchSize: recipe.patch,
      ...ENCODER_SIZES[name],
      patchEmbedStd: 0.02,
      initStd: 0.02,
      predictorWidth: 384,
      predictorDepth: recipe.predictorDepth,
      predictorHeads: ENCODER_SIZES[name].heads,
    },
    schedule: { epochs: recipe.epochs, warmupEpochs: recipe.warmupEpochs },
    run: { batch: 2048 },
  };
}

const IN1K = { epochs: 300, warmupEpochs: 40 };
const SIXTEEN = { pixels: 224, patch: 16 };
const FOURTEEN = { pixels: 224, patch: 14 };

/** All of them by name, small ones first. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  smoke: { values: SMOKE },
  scenes: { values: SCENES },
  "vitxs4-28": { values: extraSmall({ pixels: 28, patch: 4 }), fromImages: 1 },
  "vitxs4-32": { values: extraSmall({ pixels: 32, patch: 4 }), fromImages: 1 },
  "vitxs8-64": { values: extraSmall({ pixels: 64, patch: 8 }), fromImages: 1 },
  "vitxs8-96": { values: extraSmall({ pixels: 96, patch: 8 }), fromImages: 1 },
  "vitxs16-224": { values: extraSmall({ pixels: 224, patch: 16 }), fromImages: 1 },
  vits16: { values: SMALL, fromImages: 100_000 },
  vitb16: { values: paper("base", { ...SIXTEEN, ...IN1K, epochs: 600, predictorDepth: 6 }) },
  vitl16: { values: paper("large", { ...SIXTEEN, ...IN1K, epochs: 600, predictorDepth: 12 }) },
  "vith14-in1k": { values: paper("huge", { ...FOURTEEN, ...IN1K, predictorDepth: 12 }) },
  "vith16-448-in1k": {
    values: paper("huge", { pixels: 448, patch: 16, ...IN1K, predictorDepth: 12 }),
  },
  "vith14-in22k": {
    values: paper("huge", { ...FOURTEEN, epochs: 66, warmupEpochs: 3, predictorDepth: 12 }),
  },
  "vitg16-in22k": {
    values: paper("giant", { ...SIXTEEN, epochs: 44, warmupEpochs: 3, predictorDepth: 16 }),
  },
};

/** Names of all presets, small ones first. */
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

/** The preset of a run that names none. */
export const DEFAULT_PRESET = "vits16";

/** @throws {Failure} `usage`: unknown name, with the nearest known one */
export function presetOf(name: string): Preset {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset === undefined) {
    throw new Failure("usage", `Unknown preset "${name}"${suggestion(name, PRESET_NAMES)}`);
  }
  return preset;
}
