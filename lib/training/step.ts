/**
 * One training step of I-JEPA as pure functions of named tensors (docs/method.md sections 1 and 5), in two programs:
 * the gradients of a part of the batch, and the update from those of all parts.
 */

import * as tf from "@tensorflow/tfjs";
import type { Program, Tensors, TensorSpec } from "../compile/program.ts";
import { modelConfigOf, type PretrainConfig } from "../config/settings.ts";
import type { ModelConfig } from "../model/config.ts";
import type { MaskIndices } from "../model/masks.ts";
import { type ShapeTable, trainedShapes } from "../model/parameters.ts";
import { floatTensor, prefixed, type TensorRecord, under } from "../tensor.ts";
import { adamwScalars } from "./adamw.ts";
import { GRADIENT, laneShapes, partSpecs, POOLED } from "./lanes.ts";
import { monitorResults } from "./monitors/compute.ts";
import type { ObjectiveConfig } from "../config/objective.ts";
import { lossBetween, predictTargets, type StepBatch, targetsOf } from "./objective.ts";
import { type Regularizer, regularizerOf, samplesOf, withSlope } from "./regularizer.ts";
import type { StepHyper } from "./schedules.ts";
import { stateShapes, updatedShapes } from "./state.ts";
import type { OptimizerConfig } from "../config/optimizer.ts";
import { clippingFactor, globalNorm, squaredNorm, updateAll } from "./update.ts";

/** The parameters that fix the shape of a step. */
export interface StepConfig {
  readonly model: ModelConfig;
  readonly objective: ObjectiveConfig;
  /** A term beside the loss. @default none */
  readonly regularizer?: Regularizer | undefined;
  /** Images per step, B. */
  readonly batch: number;
  /** Parts of equal size of a batch, computed one after the other; divides `batch`. */
  readonly accumulate: number;
  /** Target blocks per image, M. */
  readonly targetBlocks: number;
  readonly optimizer: OptimizerConfig;
}

/** The parameters that fix the shape of a step of this configuration. */
export function stepConfigOf(config: PretrainConfig): StepConfig {
  return {
    model: modelConfigOf(config),
    objective: config.objective,
    regularizer: regularizerOf(config.objective, config.run.seed),
    batch: config.run.batch,
    accumulate: config.run.accumulate,
    targetBlocks: config.masks.targetBlocks,
    optimizer: config.optimizer,
  };
}

/** A step whose parts are split into lanes. */
export interface LanedStep extends StepConfig {
  /** Shares of equal size of a part, computed at the same time; divides its size. */
  readonly lanes: number;
}

const SCALAR: TensorSpec = { dtype: "float32", shape: [] };

/** Schedule values that are inputs of an update. */
const HYPER: Readonly<Record<string, TensorSpec>> = {
  step_size: SCALAR,
  adam_epsilon: SCALAR,
  decay: SCALAR,
  ema_momentum: SCALAR,
  ema_rest: SCALAR,
};

export function specsOf(shapes: ShapeTable): Record<string, TensorSpec> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { dtype: "float32", shape }]),
  );
}

/** Specs of the result of {@link batchFeeds}. */
export function batchSpecs({ model, targetBlocks }: StepConfig, images: number) {
  const [height, width] = model.encoder.imageSize;
  return {
    images: { dtype: "float32", shape: [images, 3, height, width] },
    context_tokens: { dtype: "int32", shape: [images, "context"] },
    target_tokens: { dtype: "int32", shape: [targetBlocks * images, "targets"] },
  } as const satisfies Record<string, TensorSpec>;
}

function batchOf(inputs: Tensors): StepBatch {
  return {
    images: inputs["images"]!,
    contextTokens: inputs["context_tokens"]!,
    targetTokens: inputs["target_tokens"]!,
  };
}

/** The loss of a batch, its gradient for every trained tensor, and the input of the monitors. */
export interface LossAndGradients {
  readonly loss: tf.Scalar;
  /** `encoder.*` and `predictor.*` */
  readonly gradients: Tensors;
  /** Pooled targets, [B T]. */
  readonly pooled: tf.Tensor;
}

/** The samples of so many images that a regularizer sees, and their slope. */
export function samplesSpec(
  { model: { encoder: { width } } }: Pick<StepConfig, "model">,
  { images, on }: { readonly images: number; readonly on: Regularizer["on"] },
): TensorSpec {
  return {
    dtype: "float32",
    shape: on === "pooled" ? [images, width] : [images, "context", width],
  };
}

/**
 * Forward and backward pass of one batch; `state` holds `encoder.*`, `predictor.*` and `target_encoder.*`, and with a
 * regularizer `slope`, of its term for every sample.
 */
export function lossAndGradients(
  batch: StepBatch,
  state: Tensors,
  config: Pick<StepConfig, "model" | "objective" | "regularizer">,
): LossAndGradients {
  const { model, objective, regularizer } = config;
  const targets = targetsOf(batch, under("target_encoder.", state), config);
  const names = Object.keys(trainedShapes(model));
  function lossOf(...trained: tf.Tensor[]): tf.Scalar {
    const tensors = {
      ...state,
      ...Object.fromEntries(names.map((name, i) => [name, trained[i]!])),
    };
    const networks = {
      encoder: under("encoder.", tensors),
      predictor: under("predictor.", tensors),
    };
    const { context, predictions } = predictTargets(batch, networks, model);
    const loss = lossBetween(predictions, targets.rows, objective);
    if (regularizer === undefined) return loss;
    const samples = samplesOf(context, { batch: batch.images.shape[0]!, on: regularizer.on });
    return withSlope(loss, samples, state["slope"]!);
  }
  const { value, grads } = tf.valueAndGrads(lossOf)(names.map((name) => state[name]!));
  return {
    loss: value as tf.Scalar,
    gradients: Object.fromEntries(names.map((n, i) => [n, grads[i]!])),
    pooled: targets.pooled,
  };
}

/** Shapes of all networks, position tables included. */
function networkShapes(model: ModelConfig): ShapeTable {
  const networks = Object.entries(stateShapes(model)).filter(([name]) =>
    !name.startsWith("moment")
  );
  return Object.fromEntries(networks);
}

/** The rows [b T] of a part in their place among those of the batch, [B T]. @param place [parts 1], see {@link partSpecs} */
function inBatch(rows: tf.Tensor, place: tf.Tensor): tf.Tensor {
  const [count, width] = rows.shape as [number, number];
  const repeated = tf.mul(place, tf.reshape(rows, [1, count * width]));
  return tf.reshape(repeated, [place.shape[0]! * count, width]);
}

/**
 * Gradients of one part of a batch. Lanes run this program at the same time, each with {@link laneShapes} of its own,
 * which stay in the store for the update. A lane with several parts adds them up. Results: the part's monitors.
 */
export function gradientProgram(config: LanedStep): Program {
  const { model, regularizer, batch, accumulate, lanes } = config;
  const networks = networkShapes(model), sums = laneShapes(config);
  const images = batch / accumulate / lanes;
  return {
    name: "gradients",
    carried: Object.keys(sums),
    parameters: Object.keys(networks),
    inputs: {
      ...batchSpecs(config, images),
      ...partSpecs(config),
      ...regularizer === undefined
        ? {}
        : { slope: samplesSpec(config, { images, on: regularizer.on }) },
      ...specsOf(networks),
      ...specsOf(sums),
    },
    run(inputs) {
      const { loss, gradients, pooled } = lossAndGradients(batchOf(inputs), inputs, config);
      const { carry, place } = inputs;
      const left = {
        ...prefixed(GRADIENT, gradients),
        [POOLED]: place ? inBatch(pooled, place) : pooled,
      };
      const summed = Object.entries(left).map(([name, value]) =>
        [name, carry ? tf.add(tf.mul(inputs[name]!, carry), value) : value] as const
      );
      return { ...monitorResults("gradients", { loss }), ...Object.fromEntries(summed) };
    },
  };
}

/**
 * The update from {@link laneShapes} of the whole batch. All parts are equally large, so the mean of their gradients is
 * the gradient of the batch. Results besides the carried state: the update's monitors.
 */
export function updateProgram(config: LanedStep): Program {
  const { model, accumulate, lanes, optimizer: { clipNorm = 0, ...optimizer } } = config;
  const updated = updatedShapes(model), shapes = laneShapes(config);
  return {
    name: "update",
    carried: Object.keys(updated),
    parameters: Object.keys(shapes),
    inputs: { ...HYPER, ...specsOf(updated), ...specsOf(shapes) },
    run(inputs) {
      const sums = under(GRADIENT, inputs), mean = 1 / (accumulate * lanes);
      const norm = clipNorm > 0
        ? tf.mul(globalNorm(Object.values(sums).map(squaredNorm)), mean)
        : undefined;
      const factor = norm === undefined ? mean : tf.mul(clippingFactor(norm, clipNorm), mean);
      return {
        ...monitorResults("update", { pooled: inputs[POOLED]!, norm }),
        ...updateAll(inputs, sums, { optimizer, factor }),
      };
    },
  };
}

/** Images and masks of a batch, or of a part of one, as a program takes them. @param images [b 3 H W] */
export function batchFeeds(
  images: Float32Array<ArrayBuffer>,
  masks: MaskIndices,
  { model, targetBlocks }: StepConfig,
): TensorRecord {
  const { contextTokens, targetTokens, context, targets } = masks;
  const batch = context.length / contextTokens;
  return {
    images: floatTensor([batch, 3, ...model.encoder.imageSize], images),
    context_tokens: { dtype: "int32", shape: [batch, contextTokens], data: context },
    target_tokens: { dtype: "int32", shape: [targetBlocks * batch, targetTokens], data: targets },
  };
}

/** Schedule values of a step as a program takes them. @param step from 0 */
export function hyperFeeds(
  hyper: StepHyper,
  { step, config: { optimizer } }: { readonly step: number; readonly config: StepConfig },
): TensorRecord {
  const { stepSize, epsilon, decay } = adamwScalars(optimizer, { ...hyper, update: step + 1 });
  const scalar = (value: number) => floatTensor([], Float32Array.of(value));
  return {
    step_size: scalar(stepSize),
    adam_epsilon: scalar(epsilon),
    decay: scalar(decay),
    ema_momentum: scalar(hyper.emaMomentum),
    ema_rest: scalar(1 - hyper.emaMomentum),
  };
}
