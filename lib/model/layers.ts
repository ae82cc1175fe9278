/**
 * The layers of a transformer block, each with its own short gradient. Rows R are tokens of all images of the batch,
 * one after the other. Avoids what eager TensorFlow.js backends do badly: no gather gradient, no einsum, no comparison
 * on the tape.
 */

import * as tf from "@tensorflow/tfjs";

/** Epsilon of every LayerNorm with weights in training (docs/method.md section 2.2). */
export const LAYER_NORM_EPSILON = 1e-6;

/**
 * `x Wᵀ + b`.
 *
 * @param x rows [R I]
 * @param weight [O I]
 * @param bias [O]
 * @returns [R O]
 */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const [x, weight, bias, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([x, weight]);
    return {
      value: tf.add(tf.matMul(x, weight, false, true), bias),
      gradFunc: (dy, saved) => {
        const [x, weight] = saved as [tf.Tensor, tf.Tensor];
        return [
          tf.matMul(dy, weight),
          tf.matMul(dy, x, true, false),
          tf.sum(dy, 0),
        ];
      },
    };
  });
  return apply(x, weight, bias);
}

/** `(x - mean) / sqrt(variance + epsilon)` over the last axis, and the inverse deviation. */
function normalise(x: tf.Tensor, epsilon: number): { normal: tf.Tensor; inverse: tf.Tensor } {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  return { normal: tf.mul(centred, inverse), inverse };
}

/**
 * LayerNorm without weights, for targets: no gradient passes.
 *
 * @param x rows [R D]
 * @returns [R D]
 */
export function normaliseRows(x: tf.Tensor, epsilon: number): tf.Tensor {
  return normalise(x, epsilon).normal;
}

/**
 * LayerNorm over the last axis, biased variance.
 *
 * @param x rows [R D]
 * @param weight [D]
 * @param bias [D]
 * @returns [R D]
 */
export function layerNorm(
  x: tf.Tensor,
  { weight, bias }: { readonly weight: tf.Tensor; readonly bias: tf.Tensor },
  epsilon = LAYER_NORM_EPSILON,
): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const [x, weight, bias, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const { normal, inverse } = normalise(x, epsilon);
    save([normal, inverse, weight]);
    return {
      value: tf.add(tf.mul(normal, weight), bias),
      gradFunc: (dy, saved) => {
        const [normal, inverse, weight] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
        const dNormal = tf.mul(dy, weight);
        const along = tf.mean(tf.mul(dNormal, normal), -1, true);
        const centred = tf.sub(dNormal, tf.mean(dNormal, -1, true));
        return [
          tf.mul(tf.sub(centred, tf.mul(normal, along)), inverse),
          tf.sum(tf.mul(dy, normal), 0),
          tf.sum(dy, 0),
        ];
      },
    };
  });
  return apply(x, weight, bias);
}

const SQRT_HALF = Math.SQRT1_2;
const LOG_SQRT_INVERSE_PI = -Math.log(Math.PI) / 2;

/** The exact GELU, `x Φ(x)` with the normal distribution function Φ. */
export function gelu(x: tf.Tensor): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const scaled = tf.mul(x, SQRT_HALF);
    const distribution = tf.mul(tf.add(tf.erf(scaled), 1), 0.5);
    save([scaled, distribution]);
    return {
      value: tf.mul(x, distribution),
      gradFunc: (dy, saved) => {
        const [scaled, distribution] = saved as [tf.Tensor, tf.Tensor];
        // x φ(x) with u = x / √2 is u exp(-u²) / √π; constants in the exponent save passes over memory.
        const factor = tf.exp(tf.sub(LOG_SQRT_INVERSE_PI, tf.square(scaled)));
        return tf.mul(dy, tf.add(distribution, tf.mul(scaled, factor)));
      },
    };
  });
  return apply(x);
}
