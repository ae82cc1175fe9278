/** Encoders as our stages export them, and what they make of images. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Encoder, readEncoder, writeEncoder } from "../../lib/encoder/mod.ts";
import type { Preprocessing } from "../../lib/formats/huggingface.ts";
import type { EncoderConfig } from "../../lib/model/config.ts";
import { encoderProgram, PIXELS } from "../../lib/model/inference.ts";
import { encoderShapes, initialise } from "../../lib/model/parameters.ts";
import { POSITIONS, positionTable } from "../../lib/model/positions.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { type FloatTensor, floatTensor } from "../../lib/tensor.ts";
import { writeRun } from "../encoder/made_run.ts";
import { runStage } from "../run_stage.ts";

/** Runs a stage that must succeed. */
export async function stage(
  name: Parameters<typeof runStage>[0],
  ...flags: readonly string[]
): Promise<void> {
  const { code, stderr } = await runStage(name, flags);
  assert.equal(code, 0, stderr);
}

/** The step of the exported checkpoint: weights that no two tensors share. */
const STEP = 3;

/** A run and the encoder that the checkpoint stage exports from it. */
export async function exportEncoder(
  folder: string,
): Promise<{ readonly encoder: string; readonly state: string }> {
  const run = join(folder, "run"), encoder = join(folder, "encoder");
  await writeRun(run, [STEP]);
  await stage("checkpoint", "--run", run, "--out", encoder);
  const state = join(run, `checkpoints/step-${String(STEP).padStart(8, "0")}/state.safetensors`);
  return { encoder, state };
}

export function preprocessingTo(size: readonly [number, number]): Preprocessing {
  return {
    resize: "stretch",
    size,
    filter: "bilinear",
    mean: [0.4, 0.5, 0.6],
    std: [0.2, 0.25, 0.3],
  };
}

/** Small sizes, of images that are no squares. */
export const RECTANGULAR = {
  imageSize: [16, 40],
  patchSize: 8,
  width: 24,
  depth: 2,
  heads: 3,
  mlpWidth: 60,
} as const satisfies EncoderConfig;

/** Writes an encoder with random weights into a new directory. @returns the encoder */
export async function writeRandom(
  directory: string,
  { config, initStd }: { readonly config: EncoderConfig; readonly initStd: number },
): Promise<Encoder> {
  const start = { seed: 1, initStd, patchEmbedStd: 0.1 };
  const encoder: Encoder = {
    config,
    preprocessing: preprocessingTo(config.imageSize),
    weights: {
      [POSITIONS]: positionTable(config),
      ...initialise(encoderShapes(config), "encoder", start),
    },
    network: "target",
  };
  await Deno.mkdir(directory);
  await writeEncoder(directory, encoder);
  return encoder;
}

/** The same with registers. */
export async function writeRegistered(directory: string): Promise<Encoder> {
  const config = { ...RECTANGULAR, imageSize: [16, 24], registers: 4 } as const;
  return await writeRandom(directory, { config, initStd: 0.2 });
}

/** Normal random images, [count 3 H W]. */
export function randomPixels([height, width]: readonly [number, number], count = 3): FloatTensor {
  const pixels = floatTensor([count, 3, height, width]);
  const random = new RandomStream({ seed: 5, purpose: "interop" });
  for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = random.normal();
  return pixels;
}

/** What an encoder's directory makes of images in this process. */
export async function ourOutputs(
  directory: string,
  pixels: FloatTensor,
): Promise<{ readonly tokens: FloatTensor; readonly pooled: FloatTensor }> {
  const { config, weights } = await readEncoder(directory);
  const executable = await (await createRuntime("onnx")).prepare(encoderProgram(config));
  executable.store.write(weights);
  const outputs = await executable.run({ [PIXELS]: pixels });
  executable.dispose();
  return {
    tokens: outputs["last_hidden_state"] as FloatTensor,
    pooled: outputs["pooler_output"] as FloatTensor,
  };
}
