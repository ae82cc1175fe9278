/** The objective: the targets of a batch, the predictions, and the loss between them (docs/method.md section 4). */

import * as tf from "@tensorflow/tfjs";
import type { ObjectiveConfig } from "../config/objective.ts";
import { type EncoderConfig, gridOf, type ModelConfig } from "../model/config.ts";
import { encode, patchify, positionRows } from "../model/encoder.ts";
import { normaliseRows } from "../model/layers.ts";
import { POSITIONS } from "../model/positions.ts";
import { predict } from "../model/predictor.ts";
import type { Parameters } from "../model/transformer.ts";
import { meanSquare, smoothL1 } from "./loss.ts";

/** Epsilon of the affine-free LayerNorm on the targets (docs/method.md section 4.1). */
const TARGET_NORM_EPSILON = 1e-5;

/** Epsilon of the normalisation of patches as targets, that of masked autoencoders. */
const PATCH_NORM_EPSILON = 1e-6;

const LOSSES = { smoothL1, l2: meanSquare } as const;

/** Images and masks of a batch, or of a part of one. */
export interface StepBatch {
  /** Normalised, [B 3 H W] */
  readonly images: tf.Tensor;
  /** Grid indices, [B Kc] int32 */
  readonly contextTokens: tf.Tensor;
  /** Grid indices, block-major, [M B, Kt] int32 */
  readonly targetTokens: tf.Tensor;
}

/** The two trained networks and the target, by tensor name. */
export interface Networks {
  readonly encoder: Parameters;
  readonly predictor: Parameters;
  readonly targetEncoder: Parameters;
}

/** The targets of a batch's predictions. T is the width D of the encoder, or the values of a patch. */
export interface Targets {
  /** Rows of the target blocks, block-major, [M B Kt, T]. */
  readonly rows: tf.Tensor;
  /** Their mean over all patches that the target encoder sees of an image, [B T]; for monitors. */
  readonly pooled: tf.Tensor;
}

/** Row numbers in a table of `B N` rows for grid indices of images; block-major lists repeat the images. */
function rowsOf(tokens: tf.Tensor, { batch, grid }: { batch: number; grid: number }): tf.Tensor {
  const repeats = tokens.shape[0]! / batch;
  const starts = Int32Array.from({ length: repeats * batch }, (_, i) => (i % batch) * grid);
  return tf.reshape(tf.add(tokens, tf.tensor2d(starts, [repeats * batch, 1], "int32")), [-1]);
}

/** Encodes the given patches of images and nothing else. @returns rows [S n, D] of the S sequences in `tokens` [S n] */
function encodeTokens(
  { images, tokens }: { readonly images: tf.Tensor; readonly tokens: tf.Tensor },
  parameters: Parameters,
  config: EncoderConfig,
): tf.Tensor {
  const [rows, columns] = gridOf(config);
  const kept = rowsOf(tokens, { batch: images.shape[0]!, grid: rows * columns });
  const input = {
    patches: tf.gather(patchify(images, config), kept),
    positions: tf.gather(positionRows(parameters[POSITIONS]!), tf.reshape(tokens, [-1])),
    batch: tokens.shape[0]!,
  };
  return encode(input, parameters, config);
}

/** Rows [B N, T] of whole images, cut to the blocks. */
function cutOut(whole: tf.Tensor, { images, targetTokens }: StepBatch): Targets {
  const batch = images.shape[0]!;
  const pooled = tf.mean(tf.reshape(whole, [batch, -1, whole.shape[1]!]), 1);
  const grid = whole.shape[0]! / batch;
  return { rows: tf.gather(whole, rowsOf(targetTokens, { batch, grid })), pooled };
}

/** The target encoder's output for whole images before it is normalised, rows [B N, D]. */
export function encodeWhole(
  images: tf.Tensor,
  parameters: Parameters,
  { encoder }: ModelConfig,
): tf.Tensor {
  const positions = positionRows(parameters[POSITIONS]!);
  const input = { patches: patchify(images, encoder), positions, batch: images.shape[0]! };
  return encode(input, parameters, encoder);
}

/** The targets of a batch. No gradient passes through them. @param parameters of the target encoder */
export function targetsOf(
  batch: StepBatch,
  parameters: Parameters,
  { model, objective }: { readonly model: ModelConfig; readonly objective: ObjectiveConfig },
): Targets {
  const { images, targetTokens } = batch;
  if (objective.targets === "pixels") {
    return cutOut(normaliseRows(patchify(images, model.encoder), PATCH_NORM_EPSILON), batch);
  }
  if (objective.targetMasking === "output") {
    const whole = encodeWhole(images, parameters, model);
    return cutOut(normaliseRows(whole, TARGET_NORM_EPSILON), batch);
  }
  const seen = encodeTokens({ images, tokens: targetTokens }, parameters, model.encoder);
  const rows = normaliseRows(seen, TARGET_NORM_EPSILON);
  const [sequences, tokens] = targetTokens.shape as [number, number];
  const count = images.shape[0]!;
  const width = rows.shape[1]!;
  const perBlock = tf.mean(tf.reshape(rows, [sequences, tokens, width]), 1);
  const pooled = tf.mean(tf.reshape(perBlock, [sequences / count, count, width]), 0);
  return { rows, pooled };
}

/** The encoder's output for the visible patches, rows [B Kc, D]. */
export function encodeContext(
  { images, contextTokens }: Pick<StepBatch, "images" | "contextTokens">,
  parameters: Parameters,
  { encoder }: Pick<ModelConfig, "encoder">,
): tf.Tensor {
  return encodeTokens({ images, tokens: contextTokens }, parameters, encoder);
}

/**
 * Context representations and the prediction of the masked blocks from them.
 *
 * @returns `context` rows [B Kc, D] and `predictions` rows [M B Kt, T]
 */
export function predictTargets(
  batch: StepBatch,
  { encoder, predictor: parameters }: Pick<Networks, "encoder" | "predictor">,
  model: ModelConfig,
): { readonly context: tf.Tensor; readonly predictions: tf.Tensor } {
  const context = encodeContext(batch, encoder, model);
  const tokens = { context: batch.contextTokens, targets: batch.targetTokens };
  const predictions = predict(context, tokens, { parameters, predictor: model.predictor });
  return { context, predictions };
}

/** The loss between predictions and targets, both rows [R T]. @returns scalar */
export function lossBetween(
  predictions: tf.Tensor,
  targets: tf.Tensor,
  { loss }: ObjectiveConfig,
): tf.Scalar {
  return LOSSES[loss](predictions, targets);
}
