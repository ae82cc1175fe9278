/** Which tensors a network has, under the official names, and how they start. */

import { RandomStream } from "../random/mod.ts";
import { type FloatTensor, floatTensor, prefixed, sizeOf } from "../tensor.ts";
import { type EncoderConfig, gridOf, type ModelConfig } from "./config.ts";
import { POSITIONS, PREDICTOR_POSITIONS } from "./positions.ts";
import { REGISTERS } from "./registers.ts";

/** Shapes by tensor name. */
export type ShapeTable = Readonly<Record<string, readonly number[]>>;

/** How many values all tensors of a table hold together. */
export function valuesIn(shapes: ShapeTable): number {
  return Object.values(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

function linearShapes(name: string, inputs: number, outputs: number): ShapeTable {
  return { [`${name}.weight`]: [outputs, inputs], [`${name}.bias`]: [outputs] };
}

function normShapes(name: string, width: number): ShapeTable {
  return { [`${name}.weight`]: [width], [`${name}.bias`]: [width] };
}

function blockShapes(name: string, width: number, mlpWidth: number): ShapeTable {
  return {
    ...normShapes(`${name}.norm1`, width),
    ...linearShapes(`${name}.attn.qkv`, width, 3 * width),
    ...linearShapes(`${name}.attn.proj`, width, width),
    ...normShapes(`${name}.norm2`, width),
    ...linearShapes(`${name}.mlp.fc1`, width, mlpWidth),
    ...linearShapes(`${name}.mlp.fc2`, mlpWidth, width),
  };
}

function repeated(
  name: string,
  depth: number,
  sizes: { readonly width: number; readonly mlpWidth: number },
): ShapeTable {
  const blocks = Array.from(
    { length: depth },
    (_, i) => blockShapes(`${name}.${i}`, sizes.width, sizes.mlpWidth),
  );
  return Object.assign({}, ...blocks);
}

/** All tensors of an encoder: the trainable ones and the fixed position table. */
export function finishedShapes(config: EncoderConfig): ShapeTable {
  const [rows, columns] = gridOf(config);
  return { [POSITIONS]: [1, rows * columns, config.width], ...encoderShapes(config) };
}

/** All tensors of a predictor: the trainable ones and the fixed position table. */
export function finishedPredictorShapes(model: ModelConfig): ShapeTable {
  const [rows, columns] = gridOf(model.encoder);
  return {
    [PREDICTOR_POSITIONS]: [1, rows * columns, model.predictor.width],
    ...predictorShapes(model),
  };
}

/** Trainable tensors of an encoder (the fixed position table is not one). */
export function encoderShapes(config: EncoderConfig): ShapeTable {
  const { width, depth, patchSize, registers = 0 } = config;
  return {
    ...registers > 0 ? { [REGISTERS]: [1, registers, width] } : {},
    "patch_embed.proj.weight": [width, 3, patchSize, patchSize],
    "patch_embed.proj.bias": [width],
    ...repeated("blocks", depth, config),
    ...normShapes("norm", width),
  };
}

/** Trainable tensors of a predictor. */
export function predictorShapes({ encoder, predictor }: ModelConfig): ShapeTable {
  const { width, depth } = predictor;
  return {
    mask_token: [1, 1, width],
    ...linearShapes("predictor_embed", encoder.width, width),
    ...repeated("predictor_blocks", depth, predictor),
    ...normShapes("predictor_norm", width),
    ...linearShapes("predictor_proj", width, predictor.outputWidth),
  };
}

/** Trainable tensors of both networks, `encoder.*` and `predictor.*`. */
export function trainedShapes(model: ModelConfig): ShapeTable {
  return {
    ...prefixed("encoder.", encoderShapes(model.encoder)),
    ...prefixed("predictor.", predictorShapes(model)),
  };
}

/** How weights start. */
export interface Initialisation {
  readonly seed: number;
  /** Standard deviation of linear weights, the mask token and registers. */
  readonly initStd: number;
  /** Standard deviation of the patch embedding; larger when patches are small (docs/method.md section 2.6). */
  readonly patchEmbedStd: number;
}

/** Whether AdamW decays a tensor: not biases and not one-dimensional tensors (docs/method.md section 5.3). */
export function isDecayed(name: string, shape: readonly number[]): boolean {
  return !name.includes("bias") && shape.length !== 1;
}

/**
 * Initial weights: normal for weights, the mask token and registers, zero for biases, one for norm weights
 * (docs/method.md section 2.6). The official code truncates at 100 standard deviations, which is no truncation. Each
 * tensor has random values of its own, so that adding a layer changes no other.
 *
 * @param network prefix that distinguishes the networks of a run, `"encoder"` or `"predictor"`
 */
export function initialise(
  shapes: ShapeTable,
  network: string,
  { seed, initStd, patchEmbedStd }: Initialisation,
): Record<string, FloatTensor> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (isDecayed(name, shape)) {
        const std = name.startsWith("patch_embed") ? patchEmbedStd : initStd;
        const random = new RandomStream({ seed, purpose: `weights ${network}.${name}` });
        for (let i = 0; i < data.length; i++) data[i] = std * random.normal();
      } else if (name.endsWith(".weight")) data.fill(1);
      return [name, floatTensor(shape, data)];
    }),
  );
}
