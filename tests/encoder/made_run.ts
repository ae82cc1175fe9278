import { join } from "node:path";
import { writeCheckpoint } from "../../lib/run/checkpoint_writing.ts";
import type { RunRecord } from "../../lib/run/mod.ts";
import { type FloatTensor, floatTensor, type TensorRecord } from "../../lib/tensor.ts";
import { modelConfigOf, resolveConfig } from "../../lib/config/mod.ts";
import { initialState } from "../../lib/training/state.ts";

/** A tiny encoder with blocks enough for `last4`, and a normalisation of its own. */
export const { config: CONFIG, origins: ORIGINS } = resolveConfig({
  preset: "smoke",
  sets: [
    "data.imageSize=16",
    "data.mean=[0.4,0.5,0.6]",
    "data.std=[0.2,0.25,0.3]",
    "model.patchSize=4",
    "model.width=16",
    "model.depth=4",
    "run.seed=7",
  ],
});
export const MODEL = modelConfigOf(CONFIG);

/** What the run says it was trained on. */
export const MANIFEST_SHA256 = "5".repeat(64);

const RECORD: RunRecord = {
  format: "ijepa-run",
  version: 1,
  tool: "0.1.0",
  config: CONFIG,
  origins: ORIGINS,
  shards: { manifestSha256: MANIFEST_SHA256, split: "train", images: 40 },
  runtime: { name: "onnx", description: "none, this run was made for a test" },
};

/** The state of step 0, the same as a run of this configuration has. */
export function stateOfStart(): TensorRecord {
  const { initStd, patchEmbedStd } = CONFIG.model;
  return initialState(MODEL, { seed: CONFIG.run.seed, initStd, patchEmbedStd });
}

/** A state that no two networks and no two steps share: the start, plus a wave per tensor. */
export function stateOfStep(step: number): TensorRecord {
  return Object.fromEntries(
    Object.entries(stateOfStart()).map(([name, tensor], index) => {
      const { shape, data } = tensor as FloatTensor;
      return [name, floatTensor(shape, data.map((x, i) => x + 0.1 * Math.sin(step + index + i)))];
    }),
  );
}

/** Writes a run directory with checkpoints of the given steps. */
export async function writeRun(
  path: string,
  steps: readonly number[],
  stateOf: (step: number) => TensorRecord = stateOfStep,
): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(join(path, "config.json"), JSON.stringify(RECORD));
  for (const step of steps) await writeCheckpoint(path, { step, tensors: stateOf(step) });
}
