/** One training step of I-JEPA as a pure function of named tensors (method.md sections 0 and 5). */

import * as tf from "@tensorflow/tfjs";
import type { Program, Tensors, TensorSpec } from "../compile/program.ts";
import { gridOf, type ModelConfig } from "../model/config.ts";
import { encode, patchify, positionRows } from "../model/encoder.ts";
import { normaliseRows } from "../model/layers.ts";
import type { Masks } from "../model/masks.ts";
import {
  encoderShapes,
  type Initialisation,
  initialise,
  isDecayed,
  predictorShapes,
  type ShapeTable,
} from "../model/parameters.ts";
import { predict } from "../model/predictor.ts";
import type { Parameters } from "../model/transformer.ts";
import { floatTensor, type TensorRecord } from "../tensor.ts";
import { adamw, type AdamWConfig, adamwScalars } from "./adamw.ts";
import { smoothL1 } from "./loss.ts";
import { targetMonitors } from "./monitors.ts";
import type { StepHyper } from "./schedules.ts";

/** Epsilon of the affine-free LayerNorm on the targets (method.md section 5.1). */
const TARGET_NORM_EPSILON = 1e-5;

/** What fixes the shape of a step, besides the model. */
export interface StepConfig {
  readonly model: ModelConfig;
  /** Images per step, B. */
  readonly batch: number;
  /** Target blocks per image, M. */
  readonly targetBlocks: number;
  readonly optimizer: AdamWConfig;
}

/** The two trained networks and the target, by tensor name. */
export interface Networks {
  readonly encoder: Parameters;
  readonly predictor: Parameters;
  readonly targetEncoder: Parameters;
}

/** Images and masks of one batch. */
export interface StepBatch {
  /** Normalised, [B 3 H W] */
  readonly images: tf.Tensor;
  /** Grid indices, [B Kc] int32 */
  readonly contextTokens: tf.Tensor;
  /** Grid indices, block-major, [M B, Kt] int32 */
  readonly targetTokens: tf.Tensor;
}

/** The tensors with the given prefix, without it. */
function under(tensors: Tensors, prefix: string): Record<string, tf.Tensor> {
  const taken = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(taken.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** The same tensors with a prefix. */
function prefixed<T>(prefix: string, record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]));
}

/** Row numbers in a table of `B N` rows for grid indices of images; block-major lists repeat the images. */
function rowsOf(tokens: tf.Tensor, { batch, grid }: { batch: number; grid: number }): tf.Tensor {
  const repeats = tokens.shape[0]! / batch;
  const starts = Int32Array.from({ length: repeats * batch }, (_, i) => (i % batch) * grid);
  return tf.reshape(tf.add(tokens, tf.tensor2d(starts, [repeats * batch, 1], "int32")), [-1]);
}

/**
 * Target representations: the target encoder sees the whole image, its output is normalised without weights.
 *
 * @returns `full`, encoder output for all tokens [B N, D], and `normalised`, the same rows as the loss sees them
 */
export function targetRepresentations(
  images: tf.Tensor,
  parameters: Parameters,
  { encoder }: ModelConfig,
): { readonly full: tf.Tensor; readonly normalised: tf.Tensor } {
  const positions = positionRows(encoder, encoder.width);
  const batch = images.shape[0]!;
  const full = encode(
    { patches: patchify(images, encoder), positions, batch },
    parameters,
    encoder,
  );
  return { full, normalised: normaliseRows(full, TARGET_NORM_EPSILON) };
}

/**
 * Context representations and the prediction of the masked blocks from them.
 *
 * @returns `context` rows [B Kc, D] and `predictions` rows [M B Kt, D]
 */
export function predictTargets(
  { images, contextTokens, targetTokens }: StepBatch,
  { encoder: parameters, predictor: predictorParameters }: Pick<Networks, "encoder" | "predictor">,
  { encoder, predictor }: ModelConfig,
): { readonly context: tf.Tensor; readonly predictions: tf.Tensor } {
  const batch = images.shape[0]!;
  const [rows, columns] = gridOf(encoder);
  const kept = rowsOf(contextTokens, { batch, grid: rows * columns });
  const input = {
    patches: tf.gather(patchify(images, encoder), kept),
    positions: tf.gather(positionRows(encoder, encoder.width), tf.reshape(contextTokens, [-1])),
    batch,
  };
  const context = encode(input, parameters, encoder);
  const predictions = predict(context, { context: contextTokens, targets: targetTokens }, {
    parameters: predictorParameters,
    predictor,
    encoder,
  });
  return { context, predictions };
}

/** Rows of the target blocks, block-major, [M B Kt, D]. */
export function gatherTargets(
  normalised: tf.Tensor,
  { images, targetTokens }: StepBatch,
): tf.Tensor {
  const batch = images.shape[0]!;
  return tf.gather(normalised, rowsOf(targetTokens, { batch, grid: normalised.shape[0]! / batch }));
}

/** Shapes of the trained tensors, `encoder.*` and `predictor.*`. */
function trainedShapes(model: ModelConfig): ShapeTable {
  return {
    ...prefixed("encoder.", encoderShapes(model.encoder)),
    ...prefixed("predictor.", predictorShapes(model)),
  };
}

/** Shapes of everything that a run carries from step to step. */
export function stateShapes(model: ModelConfig): ShapeTable {
  const trained = trainedShapes(model);
  return {
    ...trained,
    ...prefixed("target_encoder.", encoderShapes(model.encoder)),
    ...prefixed("moment1.", trained),
    ...prefixed("moment2.", trained),
  };
}

/** The state before the first step: target equal to the encoder, moments zero. */
export function initialState(model: ModelConfig, initialisation: Initialisation): TensorRecord {
  const encoder = initialise(encoderShapes(model.encoder), "encoder", initialisation);
  const predictor = initialise(predictorShapes(model), "predictor", initialisation);
  const zeros = Object.fromEntries(
    Object.entries(trainedShapes(model)).map(([name, shape]) => [name, floatTensor(shape)]),
  );
  return {
    ...prefixed("encoder.", encoder),
    ...prefixed("predictor.", predictor),
    ...prefixed("target_encoder.", encoder),
    ...prefixed("moment1.", zeros),
    ...prefixed("moment2.", zeros),
  };
}

/**
 * The whole step: targets, loss, gradients, AdamW, EMA. Results besides the carried state: `loss`, `target_std`,
 * `target_cosine` (see {@link targetMonitors}).
 */
export function trainProgram({ model, batch, targetBlocks, optimizer }: StepConfig): Program {
  const [height, width] = model.encoder.imageSize;
  const carried = Object.entries(stateShapes(model));
  const scalar: TensorSpec = { dtype: "float32", shape: [] };
  return {
    name: "train",
    carried: carried.map(([name]) => name),
    inputs: {
      images: { dtype: "float32", shape: [batch, 3, height, width] },
      context_tokens: { dtype: "int32", shape: [batch, "context"] },
      target_tokens: { dtype: "int32", shape: [targetBlocks * batch, "targets"] },
      step_size: scalar,
      adam_epsilon: scalar,
      decay: scalar,
      ema_momentum: scalar,
      ema_rest: scalar,
      ...Object.fromEntries(
        carried.map(([name, shape]) => [name, { dtype: "float32" as const, shape }]),
      ),
    },
    run: (inputs) => trainStep(inputs, { model, batch, targetBlocks, optimizer }),
  };
}

/** The loss of a batch, its gradient for every trained tensor, and the targets of whole images. */
export interface LossAndGradients {
  readonly loss: tf.Tensor;
  /** `encoder.*` and `predictor.*` */
  readonly gradients: Tensors;
  /** Normalised target representations, rows [B N, D]. */
  readonly normalised: tf.Tensor;
}

/** Forward and backward pass of one batch; `state` holds `encoder.*`, `predictor.*` and `target_encoder.*`. */
export function lossAndGradients(
  batch: StepBatch,
  state: Tensors,
  model: ModelConfig,
): LossAndGradients {
  const target = under(state, "target_encoder.");
  const { normalised } = targetRepresentations(batch.images, target, model);
  const targets = gatherTargets(normalised, batch);
  const names = Object.keys(trainedShapes(model));
  function lossOf(...trained: tf.Tensor[]): tf.Scalar {
    const tensors = Object.fromEntries(names.map((name, i) => [name, trained[i]!]));
    const networks = {
      encoder: under(tensors, "encoder."),
      predictor: under(tensors, "predictor."),
    };
    return smoothL1(predictTargets(batch, networks, model).predictions, targets);
  }
  const { value: loss, grads } = tf.valueAndGrads(lossOf)(names.map((name) => state[name]!));
  return { loss, gradients: Object.fromEntries(names.map((n, i) => [n, grads[i]!])), normalised };
}

function trainStep(inputs: Tensors, { model, batch, optimizer }: StepConfig): Tensors {
  const stepBatch: StepBatch = {
    images: inputs["images"]!,
    contextTokens: inputs["context_tokens"]!,
    targetTokens: inputs["target_tokens"]!,
  };
  const { loss, gradients, normalised } = lossAndGradients(stepBatch, inputs, model);
  const { std, cosine } = targetMonitors(normalised, batch);

  const scalars = {
    stepSize: inputs["step_size"]!,
    epsilon: inputs["adam_epsilon"]!,
    decay: inputs["decay"]!,
  };
  const results: Record<string, tf.Tensor> = { loss, target_std: std, target_cosine: cosine };
  for (const [name, gradient] of Object.entries(gradients)) {
    const weight = inputs[name]!;
    const state = {
      weight,
      moment1: inputs[`moment1.${name}`]!,
      moment2: inputs[`moment2.${name}`]!,
    };
    const decayed = isDecayed(name, weight.shape);
    const updated = adamw(state, gradient, { ...optimizer, scalars, decayed });
    results[name] = updated.weight;
    results[`moment1.${name}`] = updated.moment1;
    results[`moment2.${name}`] = updated.moment2;
    if (name.startsWith("encoder.")) {
      const target = `target_${name}`;
      results[target] = tf.add(
        tf.mul(inputs[target]!, inputs["ema_momentum"]!),
        tf.mul(updated.weight, inputs["ema_rest"]!),
      );
    }
  }
  return results;
}

/**
 * What the step program takes besides its state.
 *
 * @param images normalised, [B 3 H W]
 * @param at the step's masks, schedule values and number (from 0)
 */
export function stepFeeds(
  images: Float32Array<ArrayBuffer>,
  { masks, hyper, step, config }: {
    readonly masks: Omit<Masks, "relaxedSamples">;
    readonly hyper: StepHyper;
    readonly step: number;
    readonly config: StepConfig;
  },
): TensorRecord {
  const { model, batch, targetBlocks, optimizer } = config;
  const { stepSize, epsilon, decay } = adamwScalars(optimizer, { ...hyper, update: step + 1 });
  const scalar = (value: number) => floatTensor([], Float32Array.of(value));
  return {
    images: floatTensor([batch, 3, ...model.encoder.imageSize], images),
    context_tokens: {
      dtype: "int32",
      shape: [batch, masks.contextTokens],
      data: masks.context,
    },
    target_tokens: {
      dtype: "int32",
      shape: [targetBlocks * batch, masks.targetTokens],
      data: masks.targets,
    },
    step_size: scalar(stepSize),
    adam_epsilon: scalar(epsilon),
    decay: scalar(decay),
    ema_momentum: scalar(hyper.emaMomentum),
    ema_rest: scalar(1 - hyper.emaMomentum),
  };
}
