/** How far the targets of a batch differ: signs of collapse, as operations of a program. */
import * as tf from "@tensorflow/tfjs";

/**
 * The deviation over the batch, averaged over features; towards 0 in a collapse.
 *
 * @param pooled normalised target representations, pooled per image, [B T]
 * @returns scalar
 */
export function meanDeviation(pooled: tf.Tensor): tf.Tensor {
  const centred = tf.sub(pooled, tf.mean(pooled, 0, true));
  return tf.mean(tf.sqrt(tf.mean(tf.square(centred), 0)));
}

/**
 * The mean cosine between two different images; towards 1 in a collapse.
 *
 * @param pooled as for {@link meanDeviation}, B at least 2
 * @returns scalar
 */
export function meanCosine(pooled: tf.Tensor): tf.Tensor {
  const batch = pooled.shape[0]!;
  const squaredLength = tf.sum(tf.square(pooled), 1, true);
  const unit = tf.mul(pooled, tf.rsqrt(tf.add(squaredLength, 1e-12)));
  // |sum of unit vectors|² counts every pair twice and every vector with itself once.
  const total = tf.sum(tf.square(tf.sum(unit, 0)));
  return tf.div(tf.sub(total, batch), Math.max(1, batch * (batch - 1)));
}
