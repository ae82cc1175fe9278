/** The training steps that are measured, and the files from which every contestant takes the same one. */
import { join } from "node:path";
import { writeSafetensors } from "../../lib/formats/safetensors.ts";
import { gridOf } from "../../lib/model/config.ts";
import { type MaskIndices, sampleMasks } from "../../lib/model/masks.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { floatTensor, type TensorRecord } from "../../lib/tensor.ts";
import { resolveConfig } from "../../lib/config/mod.ts";
import type { StepHyper } from "../../lib/training/schedules.ts";
import { initialState } from "../../lib/training/state.ts";
import { type StepConfig, stepConfigOf } from "../../lib/training/step.ts";

const SEED = 0;

/** Masks of one step. */
export type StepMasks = MaskIndices;

/** A training step to measure. */
export interface StepCase {
  readonly name: string;
  readonly step: StepConfig;
  /** Steps that are timed; before them go some that are not. */
  readonly timedSteps: number;
  masksOf(step: number): StepMasks;
}

/** What a contestant is given besides tensors; `work.json`. */
export interface StepWork {
  readonly step: StepConfig;
  readonly hyper: StepHyper;
  /** Tokens of the longest context and target block. */
  readonly longest: { readonly context: number; readonly targets: number };
  readonly threads: number;
  readonly warmUpSteps: number;
  readonly timedSteps: number;
}

/**
 * Half of the tokens as context and four targets of 3/8 times 1/2 of the grid, each somewhere on it: 32 and 3x4 on a grid
 * of 8x8. Sizes are the same in every step.
 *
 * @param side of the grid, a multiple of 8
 */
export function fixedMasks(
  { batch, side }: { readonly batch: number; readonly side: number },
): (step: number) => StepMasks {
  const tokens = side ** 2, contextTokens = tokens / 2;
  const [rows, columns] = [3 * side / 8, side / 2];
  return (step) => {
    const random = new RandomStream({ seed: SEED, purpose: "bench masks", step });
    const context = Array.from(
      { length: batch },
      () => [...random.permutation(tokens).slice(0, contextTokens)].sort((a, b) => a - b),
    );
    const targets = Array.from({ length: 4 * batch }, () => {
      const top = random.integer(side - rows + 1), left = random.integer(side - columns + 1);
      return Array.from(
        { length: rows * columns },
        (_, i) => (top + Math.floor(i / columns)) * side + left + i % columns,
      );
    });
    return {
      contextTokens,
      targetTokens: rows * columns,
      context: Int32Array.from(context.flat()),
      targets: Int32Array.from(targets.flat()),
    };
  };
}

/** AdamW as all measured steps have it. */
export const OPTIMIZER = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** The step of the prototype in docs/performance.md: mask sizes stay the same. */
const SMALL: StepCase = {
  name: "32px",
  step: {
    model: {
      encoder: { imageSize: [32, 32], patchSize: 4, width: 192, depth: 6, heads: 3, mlpWidth: 768 },
      predictor: { width: 96, outputWidth: 192, depth: 3, heads: 3, mlpWidth: 384 },
    },
    objective: { targets: "representations", targetMasking: "output", loss: "smoothL1" },
    batch: 64,
    accumulate: 1,
    targetBlocks: 4,
    optimizer: OPTIMIZER,
  },
  timedSteps: 20,
  masksOf: fixedMasks({ batch: 64, side: 8 }),
};

/** ViT-S/16 as `--preset vits16 --batch 16` trains it: mask sizes change from step to step. */
function vitSmall(): StepCase {
  const { config } = resolveConfig({ preset: "vits16", flags: { batch: 16 } });
  const step = stepConfigOf(config);
  const grid = gridOf(step.model.encoder);
  return {
    name: "vits16-224px",
    step,
    timedSteps: 8,
    masksOf: (index) => sampleMasks(config.masks, grid, { seed: SEED, step: index, batch: 16 }),
  };
}

/** All of them, the fastest first. */
export const STEP_CASES: readonly StepCase[] = [SMALL, vitSmall()];

/** Random images [B 3 H W] with the statistics of normalised ones. */
export function noiseImages(images: number, [height, width]: readonly [number, number]) {
  const random = new RandomStream({ seed: SEED, purpose: "bench images" });
  const data = Float32Array.from({ length: images * 3 * height * width }, () => random.normal());
  return floatTensor([images, 3, height, width], data);
}

function masksAsTensors(step: StepCase["step"], masks: StepMasks, index: number): TensorRecord {
  const { context, contextTokens, targets, targetTokens } = masks;
  const rows = step.batch * step.targetBlocks;
  return {
    [`${index}.context`]: { dtype: "int32", shape: [step.batch, contextTokens], data: context },
    [`${index}.targets`]: { dtype: "int32", shape: [rows, targetTokens], data: targets },
  };
}

/**
 * Writes what a step works on into a folder: `work.json`, `initial.safetensors` with the weights, and
 * `batch.safetensors` with `images`, `S.context` and `S.targets` of every step S.
 *
 * @returns the masks of all steps
 */
export async function writeStepWork(
  folder: string,
  { step, masksOf }: StepCase,
  run: Pick<StepWork, "threads" | "warmUpSteps" | "timedSteps">,
): Promise<readonly StepMasks[]> {
  const hyper = { learningRate: 1e-4, weightDecay: 0.04, emaMomentum: 0.996 };
  const state = initialState(step.model, { seed: SEED, initStd: 0.02, patchEmbedStd: 0.02 });
  const weights = Object.entries(state).filter(([name]) => !name.startsWith("moment"));
  const steps = run.warmUpSteps + run.timedSteps;
  const masks = Array.from({ length: steps }, (_, index) => masksOf(index));
  const longest = {
    context: Math.max(...masks.map(({ contextTokens }) => contextTokens)),
    targets: Math.max(...masks.map(({ targetTokens }) => targetTokens)),
  };
  const work: StepWork = { step, hyper, longest, ...run };
  const batch: TensorRecord = {
    images: noiseImages(step.batch, step.model.encoder.imageSize),
    ...Object.assign({}, ...masks.map((each, index) => masksAsTensors(step, each, index))),
  };
  await writeSafetensors(join(folder, "initial.safetensors"), Object.fromEntries(weights));
  await writeSafetensors(join(folder, "batch.safetensors"), batch);
  await Deno.writeTextFile(join(folder, "work.json"), JSON.stringify(work, null, 2) + "\n");
  return masks;
}
