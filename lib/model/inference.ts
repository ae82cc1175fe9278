/** A finished encoder as a program: images in, representations out; any number of images per run. */

import * as tf from "@tensorflow/tfjs";
import type { Program, Tensors, TensorSpec } from "../compile/program.ts";
import { type EncoderConfig, gridOf, sequenceLength } from "./config.ts";
import { encodeLayers, patchify, positionRows } from "./encoder.ts";
import { finishedShapes } from "./parameters.ts";
import { pool, type Pooling } from "./pooling.ts";
import { POSITIONS } from "./positions.ts";

/** Name of the input of all programs here, [batch 3 H W]; Hugging Face calls it so. */
export const PIXELS = "pixel_values";

/** Multiply-accumulate operations of one image. */
export function forwardOperations(config: EncoderConfig): number {
  const [rows, columns] = gridOf(config);
  const { width, mlpWidth, depth, patchSize } = config;
  const tokens = sequenceLength(config);
  const block = tokens * width * (4 * width + 2 * mlpWidth) + 2 * tokens ** 2 * width;
  return depth * block + rows * columns * width * 3 * patchSize ** 2;
}

/** Outputs of the last blocks, each through the final norm and as [B N D], earliest first. */
function lastLayers(inputs: Tensors, config: EncoderConfig, count: number): tf.Tensor[] {
  const images = inputs[PIXELS]!;
  const batch = images.shape[0]!;
  const positions = positionRows(inputs[POSITIONS]!);
  const [tokens, width] = positions.shape as [number, number];
  const input = { patches: patchify(images, config), positions, batch };
  return encodeLayers(input, inputs, { config, count })
    .map((rows) => tf.reshape(rows, [batch, tokens, width]));
}

function program(name: string, config: EncoderConfig, run: Program["run"]): Program {
  const shapes = Object.entries(finishedShapes(config));
  const parameters = shapes.map(([name, shape]): [string, TensorSpec] => [
    name,
    { dtype: "float32", shape },
  ]);
  return {
    name,
    carried: [],
    parameters: Object.keys(finishedShapes(config)),
    inputs: {
      [PIXELS]: { dtype: "float32", shape: ["batch", 3, ...config.imageSize] },
      ...Object.fromEntries(parameters),
    },
    run,
  };
}

/**
 * The encoder with the outputs of Hugging Face: `last_hidden_state` [B N D], the tokens after the final norm, and
 * `pooler_output` [B D], their mean.
 */
export function encoderProgram(config: EncoderConfig): Program {
  return program("ijepa", config, (inputs) => {
    const [tokens] = lastLayers(inputs, config, 1) as [tf.Tensor];
    return { last_hidden_state: tokens, pooler_output: tf.mean(tokens, 1) };
  });
}

/**
 * The encoder as probes use it: `features` [B, layers V D], the tokens of each of the last blocks after the final norm,
 * pooled to V vectors, side by side, earliest block first.
 *
 * @param layers how many of the last blocks
 * @throws {RangeError} the encoder has fewer blocks; when it is traced: fewer rows or columns of patches than regions
 */
export function featureProgram(
  config: EncoderConfig,
  layers: number,
  pooling: Pooling = "mean",
): Program {
  if (layers > config.depth) {
    throw new RangeError(`Cannot take ${layers} layers of an encoder with ${config.depth} blocks`);
  }
  return program("features", config, (inputs) => {
    const pooled = lastLayers(inputs, config, layers)
      .map((tokens) => pool(tokens, gridOf(config), pooling));
    return { features: layers === 1 ? pooled[0]! : tf.concat(pooled, 1) };
  });
}
