/** Access to everything between the images and the update, for tests that compare intermediates. */

import * as tf from "@tensorflow/tfjs";
import type { Program } from "../../lib/compile/mod.ts";
import { patchify } from "../../lib/model/encoder.ts";
import { linear } from "../../lib/model/layers.ts";
import { encodeWhole, predictTargets, targetsOf } from "../../lib/training/objective.ts";
import {
  batchFeeds,
  gradientProgram,
  lossAndGradients,
  type StepConfig,
} from "../../lib/training/step.ts";
import type { StepInput } from "../../lib/training/trainer.ts";
import { type HostTensor, type TensorRecord, under } from "../../lib/tensor.ts";
import type { Tried } from "../runtimes.ts";

/** The values of a float32 tensor. @throws {TypeError} it is none */
export function floats(tensor: HostTensor | undefined): Float32Array<ArrayBuffer> {
  if (tensor?.dtype !== "float32") throw new TypeError(`wanted float32, got ${tensor?.dtype}`);
  return tensor.data;
}

/**
 * A program that returns:
 * - `patch_embed` patches through the embedding of the target encoder, without positions, [B N, D]
 * - `target_full` output of the target encoder, [B N, D]; `targets` normalised and gathered, [M B Kt, D]
 * - `context` [B Kc, D] and `predictions` [M B Kt, D]
 * - `grad.NAME` of every trained tensor
 */
export function forwardProgram(config: StepConfig): Program {
  const { inputs, parameters, carried } = gradientProgram({ ...config, accumulate: 1, lanes: 1 });
  const taken = Object.entries(inputs).filter(([name]) => !carried.includes(name));
  const { model } = config;
  return {
    name: "forward",
    carried: [],
    parameters: parameters!,
    inputs: Object.fromEntries(taken),
    run(inputs) {
      const batch = {
        images: inputs["images"]!,
        contextTokens: inputs["context_tokens"]!,
        targetTokens: inputs["target_tokens"]!,
      };
      const target = under("target_encoder.", inputs);
      const networks = {
        encoder: under("encoder.", inputs),
        predictor: under("predictor.", inputs),
      };
      const patches = patchify(batch.images, model.encoder);
      const weight = tf.reshape(target["patch_embed.proj.weight"]!, [model.encoder.width, -1]);
      const { gradients } = lossAndGradients(batch, inputs, config);
      return {
        patch_embed: linear(patches, weight, target["patch_embed.proj.bias"]!),
        target_full: encodeWhole(batch.images, target, model),
        targets: targetsOf(batch, target, config).rows,
        ...predictTargets(batch, networks, model),
        ...Object.fromEntries(Object.entries(gradients).map(([n, g]) => [`grad.${n}`, g])),
      };
    },
  };
}

/** Runs a {@link forwardProgram} once. @param tried the runtime */
export async function runForward(
  tried: Tried,
  config: StepConfig,
  { state, input }: { readonly state: TensorRecord; readonly input: StepInput },
): Promise<TensorRecord> {
  const runtime = await tried.create({ threads: 2 });
  const executable = await runtime.prepare(forwardProgram(config));
  try {
    const networks = Object.entries(state).filter(([name]) => !name.startsWith("moment"));
    executable.store.write(Object.fromEntries(networks));
    return await executable.run(batchFeeds(input.images, input.masks, config));
  } finally {
    executable.dispose();
  }
}
