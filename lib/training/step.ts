/**
 * One training step of I-JEPA as pure functions of named tensors (method.md sections 0 and 5): in one program, or, where
 * a batch is worked through in parts, in two: gradients of a part, and the update from their sum.
 */

import * as tf from "@tensorflow/tfjs";
import type { Program, Tensors, TensorSpec } from "../compile/program.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Masks } from "../model/masks.ts";
import { isDecayed, type ShapeTable } from "../model/parameters.ts";
import { floatTensor, prefixed, type TensorRecord, under } from "../tensor.ts";
import { adamw, type AdamWConfig, adamwScalars } from "./adamw.ts";
import { targetMonitors } from "./monitors.ts";
import {
  lossBetween,
  type ObjectiveConfig,
  predictTargets,
  type StepBatch,
  targetsOf,
} from "./objective.ts";
import type { StepHyper } from "./schedules.ts";
import { tableShapes, trainedShapes, updatedShapes } from "./state.ts";

/** What fixes the shape of a step. */
export interface StepConfig {
  readonly model: ModelConfig;
  readonly objective: ObjectiveConfig;
  /** Images per step, B. */
  readonly batch: number;
  /** Parts of equal size that a batch is worked through in, one after the other; divides `batch`. */
  readonly accumulate: number;
  /** Target blocks per image, M. */
  readonly targetBlocks: number;
  readonly optimizer: AdamWConfig;
}

const SCALAR: TensorSpec = { dtype: "float32", shape: [] };

/** Schedule values that an update takes. */
const HYPER: Readonly<Record<string, TensorSpec>> = {
  step_size: SCALAR,
  adam_epsilon: SCALAR,
  decay: SCALAR,
  ema_momentum: SCALAR,
  ema_rest: SCALAR,
};

function specsOf(shapes: ShapeTable): Record<string, TensorSpec> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { dtype: "float32", shape }]),
  );
}

function batchSpecs({ model, targetBlocks }: StepConfig, images: number) {
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

/** The loss of a batch, its gradient for every trained tensor, and what the monitors look at. */
export interface LossAndGradients {
  readonly loss: tf.Scalar;
  /** `encoder.*` and `predictor.*` */
  readonly gradients: Tensors;
  /** Pooled targets, [B T]. */
  readonly pooled: tf.Tensor;
}

/** Forward and backward pass of one batch; `state` holds `encoder.*`, `predictor.*` and `target_encoder.*`. */
export function lossAndGradients(
  batch: StepBatch,
  state: Tensors,
  config: { readonly model: ModelConfig; readonly objective: ObjectiveConfig },
): LossAndGradients {
  const { model, objective } = config;
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
    const { predictions } = predictTargets(batch, networks, model);
    return lossBetween(predictions, targets.rows, objective);
  }
  const { value, grads } = tf.valueAndGrads(lossOf)(names.map((name) => state[name]!));
  return {
    loss: value as tf.Scalar,
    gradients: Object.fromEntries(names.map((n, i) => [n, grads[i]!])),
    pooled: targets.pooled,
  };
}

/** AdamW for all that is trained, then the target encoder follows. @returns the updated tensors by name */
function update(
  inputs: Tensors,
  gradients: Tensors,
  optimizer: AdamWConfig,
): Record<string, tf.Tensor> {
  const scalars = {
    stepSize: inputs["step_size"]!,
    epsilon: inputs["adam_epsilon"]!,
    decay: inputs["decay"]!,
  };
  const updated: Record<string, tf.Tensor> = {};
  for (const [name, gradient] of Object.entries(gradients)) {
    const state = {
      weight: inputs[name]!,
      moment1: inputs[`moment1.${name}`]!,
      moment2: inputs[`moment2.${name}`]!,
    };
    const decayed = isDecayed(name, state.weight.shape);
    const next = adamw(state, gradient, { ...optimizer, scalars, decayed });
    updated[name] = next.weight;
    updated[`moment1.${name}`] = next.moment1;
    updated[`moment2.${name}`] = next.moment2;
    if (name.startsWith("encoder.")) {
      const target = `target_${name}`;
      updated[target] = tf.add(
        tf.mul(inputs[target]!, inputs["ema_momentum"]!),
        tf.mul(next.weight, inputs["ema_rest"]!),
      );
    }
  }
  return updated;
}

function monitorsOf(pooled: tf.Tensor): Record<string, tf.Tensor> {
  const { std, cosine } = targetMonitors(pooled);
  return { target_std: std, target_cosine: cosine };
}

/**
 * The whole step: targets, loss, gradients, AdamW, EMA. Results besides the carried state: `loss`, `target_std`,
 * `target_cosine` (see {@link targetMonitors}).
 */
export function trainProgram(config: StepConfig): Program {
  const { model, optimizer, batch } = config;
  const updated = updatedShapes(model), tables = tableShapes(model);
  return {
    name: "train",
    carried: Object.keys(updated),
    parameters: Object.keys(tables),
    inputs: { ...batchSpecs(config, batch), ...HYPER, ...specsOf(updated), ...specsOf(tables) },
    run(inputs) {
      const { loss, gradients, pooled } = lossAndGradients(batchOf(inputs), inputs, config);
      return { loss, ...monitorsOf(pooled), ...update(inputs, gradients, optimizer) };
    },
  };
}

/** Before the names of the sums of gradients. */
export const GRADIENT = "gradient.";

/**
 * Gradients of one part of a batch, added to those of the parts before it. `carry` is 0 for the first part and 1 for
 * the others. Results besides the carried sums: `loss` of the part, and `pooled_targets` [b T] for the update.
 */
export function gradientProgram(config: StepConfig): Program {
  const { model, batch, accumulate } = config;
  const networks = networkShapes(model);
  const sums = prefixed(GRADIENT, trainedShapes(model));
  return {
    name: "gradients",
    carried: Object.keys(sums),
    parameters: Object.keys(networks),
    inputs: {
      ...batchSpecs(config, batch / accumulate),
      carry: SCALAR,
      ...specsOf(networks),
      ...specsOf(sums),
    },
    run(inputs) {
      const { loss, gradients, pooled } = lossAndGradients(batchOf(inputs), inputs, config);
      const added = Object.entries(gradients).map(([name, gradient]) => {
        const before = tf.mul(inputs[GRADIENT + name]!, inputs["carry"]!);
        return [GRADIENT + name, tf.add(before, gradient)];
      });
      return { loss, pooled_targets: pooled, ...Object.fromEntries(added) };
    },
  };
}

/** Shapes of all networks, position tables included. */
function networkShapes(model: ModelConfig): ShapeTable {
  const all = { ...tableShapes(model), ...updatedShapes(model) };
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith("moment")));
}

/**
 * The update from the sum of the gradients of all parts. All parts are equally large, so the mean of their gradients is
 * the gradient of the batch. Results besides the carried state: `target_std`, `target_cosine`.
 */
export function updateProgram(config: StepConfig): Program {
  const { model, batch, accumulate, optimizer } = config;
  const updated = updatedShapes(model);
  const sums = prefixed(GRADIENT, trainedShapes(model));
  const width = config.objective.targets === "pixels"
    ? 3 * model.encoder.patchSize ** 2
    : model.encoder.width;
  return {
    name: "update",
    carried: Object.keys(updated),
    parameters: Object.keys(sums),
    inputs: {
      pooled_targets: { dtype: "float32", shape: [batch, width] },
      ...HYPER,
      ...specsOf(updated),
      ...specsOf(sums),
    },
    run(inputs) {
      const gradients = Object.entries(under(GRADIENT, inputs))
        .map(([name, sum]) => [name, tf.mul(sum, 1 / accumulate)]);
      return {
        ...monitorsOf(inputs["pooled_targets"]!),
        ...update(inputs, Object.fromEntries(gradients), optimizer),
      };
    },
  };
}

/** Images and masks of a batch, or of a part of one, as a program takes them. @param images [b 3 H W] */
export function batchFeeds(
  images: Float32Array<ArrayBuffer>,
  masks: Omit<Masks, "relaxedSamples">,
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
