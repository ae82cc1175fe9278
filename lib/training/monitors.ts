/** Collapse monitors on the targets of a batch. */
import * as tf from "@tensorflow/tfjs";

/**
 * Signs of collapse in the targets of one batch.
 *
 * @param pooled normalised target representations, pooled per image, [B T]; B at least 2
 * @returns scalars: `std`, the deviation over the batch averaged over features (towards 0 in a collapse), and `cosine`,
 *   the mean cosine between two different images (towards 1 in a collapse)
 */
export function targetMonitors(
  pooled: tf.Tensor,
): { readonly std: tf.Tensor; readonly cosine: tf.Tensor } {
  const batch = pooled.shape[0]!;
  const centred = tf.sub(pooled, tf.mean(pooled, 0, true));
  const std = tf.mean(tf.sqrt(tf.mean(tf.square(centred), 0)));
  const squaredLength = tf.sum(tf.square(pooled), 1, true);
  const unit = tf.mul(pooled, tf.rsqrt(tf.add(squaredLength, 1e-12)));
  // |sum of unit vectors|² counts every pair twice and every vector with itself once.
  const total = tf.sum(tf.square(tf.sum(unit, 0)));
  return { std, cosine: tf.div(tf.sub(total, batch), Math.max(1, batch * (batch - 1))) };
}
