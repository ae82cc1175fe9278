/** Losses between predictions and targets, each with its own gradient. */
import * as tf from "@tensorflow/tfjs";

/** A mean over every element of a function of the difference, and the function's slope. */
function meanOf(
  prediction: tf.Tensor,
  target: tf.Tensor,
  { value, slope }: {
    value(difference: tf.Tensor): tf.Tensor;
    slope(difference: tf.Tensor): tf.Tensor;
  },
): tf.Scalar {
  const apply = tf.customGrad((...args) => {
    const [prediction, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const difference = tf.sub(prediction, target);
    save([difference]);
    return {
      // Over features, then over rows: one sum of all terms would lose digits in float32.
      value: tf.mean(tf.mean(value(difference), -1)),
      gradFunc: (dy, saved) => {
        const [difference] = saved as [tf.Tensor];
        return tf.mul(slope(difference), tf.div(dy, difference.size));
      },
    };
  });
  return apply(prediction) as tf.Scalar;
}

/**
 * Smooth L1 with beta 1, the mean over every element (docs/method.md section 4.2). The target gets no gradient.
 *
 * @param prediction rows [R T]
 * @param target rows [R T]
 * @returns scalar
 */
export function smoothL1(prediction: tf.Tensor, target: tf.Tensor): tf.Scalar {
  return meanOf(prediction, target, {
    value(difference) {
      const distance = tf.abs(difference);
      // min(|d|, 1) serves value and gradient without a comparison: q²/2 + |d| - q.
      const near = tf.minimum(distance, 1);
      return tf.add(tf.mul(tf.square(near), 0.5), tf.sub(distance, near));
    },
    slope: (difference) => tf.maximum(tf.minimum(difference, 1), -1),
  });
}

/**
 * The squared difference, the mean over every element: the paper's loss up to its scale, which AdamW does not see.
 * The target gets no gradient.
 *
 * @param prediction rows [R T]
 * @param target rows [R T]
 * @returns scalar
 */
export function meanSquare(prediction: tf.Tensor, target: tf.Tensor): tf.Scalar {
  return meanOf(prediction, target, {
    value: (difference) => tf.square(difference),
    slope: (difference) => tf.mul(difference, 2),
  });
}
