import * as tf from "@tensorflow/tfjs";

/**
 * Signs of collapse in the targets of one batch, from token representations pooled per image.
 *
 * @param targets normalised target representations, rows [B N, D]
 * @param batch B, at least 2
 * @returns scalars: `std`, the deviation over the batch averaged over features (towards 0 when all images look alike),
 *   and `cosine`, the mean cosine between two different images (towards 1 then)
 */
export function targetMonitors(
  targets: tf.Tensor,
  batch: number,
): { readonly std: tf.Tensor; readonly cosine: tf.Tensor } {
  const width = targets.shape[1]!;
  const pooled = tf.mean(tf.reshape(targets, [batch, -1, width]), 1); // [B D]
  const centred = tf.sub(pooled, tf.mean(pooled, 0, true));
  const std = tf.mean(tf.sqrt(tf.mean(tf.square(centred), 0)));
  const squaredLength = tf.sum(tf.square(pooled), 1, true);
  const unit = tf.mul(pooled, tf.rsqrt(tf.add(squaredLength, 1e-12)));
  // |sum of unit vectors|² counts every pair twice and every vector with itself once.
  const total = tf.sum(tf.square(tf.sum(unit, 0)));
  return { std, cosine: tf.div(tf.sub(total, batch), Math.max(1, batch * (batch - 1))) };
}
