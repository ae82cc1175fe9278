import * as tf from "@tensorflow/tfjs";

/**
 * Smooth L1 with beta 1, the mean over every element (method.md section 5.1). The target gets no gradient.
 *
 * @param prediction rows [R D]
 * @param target rows [R D]
 * @returns scalar
 */
export function smoothL1(prediction: tf.Tensor, target: tf.Tensor): tf.Scalar {
  const apply = tf.customGrad((...args) => {
    const [prediction, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const difference = tf.sub(prediction, target);
    const distance = tf.abs(difference);
    // min(|d|, 1) serves value and gradient without a comparison: q²/2 + |d| - q.
    const near = tf.minimum(distance, 1);
    save([difference]);
    return {
      value: tf.mean(tf.add(tf.mul(tf.square(near), 0.5), tf.sub(distance, near))),
      gradFunc: (dy, saved) => {
        const [difference] = saved as [tf.Tensor];
        const slope = tf.maximum(tf.minimum(difference, 1), -1);
        return tf.mul(slope, tf.div(dy, difference.size));
      },
    };
  });
  return apply(prediction) as tf.Scalar;
}
