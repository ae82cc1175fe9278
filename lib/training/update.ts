/** The update of all tensors that a step changes, from the gradients of its batch. */

import * as tf from "@tensorflow/tfjs";
import type { Tensors } from "../compile/program.ts";
import type { AdamWConfig } from "../config/optimizer.ts";
import { isDecayed } from "../model/parameters.ts";
import { adamw } from "./adamw.ts";

/** Added to the norm, as PyTorch does: no division by zero. */
const NORM_EPSILON = 1e-6;

/** The sum of a tensor's squares, scalar. Row by row: one sum of all would lose digits in float32. */
export function squaredNorm(tensor: tf.Tensor): tf.Tensor {
  const rows = tf.reshape(tensor, [-1, tensor.shape.at(-1)!]);
  return tf.sum(tf.sum(tf.square(rows), -1));
}

/** The L2 norm of tensors together, scalar. @param squares {@link squaredNorm} of each */
export function globalNorm(squares: readonly tf.Tensor[]): tf.Tensor {
  return tf.sqrt(squares.reduce((a, b) => tf.add(a, b)));
}

/** The factor that brings a norm down to a limit: 1 where it is below. Of `torch.nn.utils.clip_grad_norm_`. */
export function clippingFactor(norm: tf.Tensor, limit: number): tf.Tensor {
  return tf.minimum(tf.div(limit, tf.add(norm, NORM_EPSILON)), 1);
}

/**
 * AdamW for all that is trained, then the target encoder follows.
 *
 * @param inputs state and schedule values, see `updateProgram`
 * @param gradients of the batch, by the name of their tensor
 * @param options `factor`: multiplies the gradients first
 * @returns the updated tensors by name
 */
export function updateAll(
  inputs: Tensors,
  gradients: Tensors,
  { optimizer, factor }: {
    readonly optimizer: AdamWConfig;
    readonly factor: tf.Tensor | number;
  },
): Record<string, tf.Tensor> {
  const scalars = {
    stepSize: inputs["step_size"]!,
    epsilon: inputs["adam_epsilon"]!,
    decay: inputs["decay"]!,
  };
  const updated: Record<string, tf.Tensor> = {};
  for (const [name, given] of Object.entries(gradients)) {
    const gradient = factor === 1 ? given : tf.mul(given, factor);
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
