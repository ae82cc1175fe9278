/** AdamW. */
import * as tf from "@tensorflow/tfjs";
import type { AdamWConfig } from "../config/optimizer.ts";

/** The scalars of an AdamW step, computed in double precision outside of it. */
export interface AdamWScalars<T> {
  /** `lr sqrt(1 - beta2^t) / (1 - beta1^t)` */
  readonly stepSize: T;
  /** `epsilon sqrt(1 - beta2^t)` */
  readonly epsilon: T;
  /** `1 - lr weightDecay` */
  readonly decay: T;
}

/**
 * The scalars of update number `update` (from 1). Folding the bias corrections into the step size and epsilon is the
 * same update as PyTorch's, with two divisions per weight less.
 */
export function adamwScalars(
  { beta1, beta2, epsilon }: AdamWConfig,
  { learningRate, weightDecay, update }: {
    readonly learningRate: number;
    readonly weightDecay: number;
    readonly update: number;
  },
): AdamWScalars<number> {
  const correction = Math.sqrt(1 - beta2 ** update);
  return {
    stepSize: learningRate * correction / (1 - beta1 ** update),
    epsilon: epsilon * correction,
    decay: 1 - learningRate * weightDecay,
  };
}

/** A weight with its moments. */
export interface AdamWState {
  readonly weight: tf.Tensor;
  readonly moment1: tf.Tensor;
  readonly moment2: tf.Tensor;
}

/** One AdamW update of one tensor, weight decay decoupled (Loshchilov and Hutter 2019). */
export function adamw(
  { weight, moment1, moment2 }: AdamWState,
  gradient: tf.Tensor,
  { beta1, beta2, scalars, decayed }: {
    readonly beta1: number;
    readonly beta2: number;
    readonly scalars: AdamWScalars<tf.Tensor>;
    readonly decayed: boolean;
  },
): AdamWState {
  const m = tf.add(tf.mul(moment1, beta1), tf.mul(gradient, 1 - beta1));
  const v = tf.add(tf.mul(moment2, beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const update = tf.mul(tf.div(m, tf.add(tf.sqrt(v), scalars.epsilon)), scalars.stepSize);
  const kept = decayed ? tf.mul(weight, scalars.decay) : weight;
  return { weight: tf.sub(kept, update), moment1: m, moment2: v };
}
