/**
 * Registers: learned tokens without a position, put before the patches of every sequence of an encoder and dropped at
 * its end (Darcet et al., 2023, "Vision Transformers Need Registers", arXiv 2309.16588). They store global information
 * that would otherwise replace that of patches.
 */

import * as tf from "@tensorflow/tfjs";

/** Name of an encoder's registers, [1 R D]. */
export const REGISTERS = "register_tokens";

/** @param tokens [B n D] @param registers [1 R D] @returns [B R+n D], registers first */
export function withRegisters(tokens: tf.Tensor, registers: tf.Tensor): tf.Tensor {
  const [batch, , width] = tokens.shape as [number, number, number];
  // A sum, whose gradient is a sum over the batch: that of a tile would be one slice per image.
  const everywhere = tf.add(registers, tf.fill([batch, registers.shape[1]!, width], 0));
  return tf.concat([everywhere, tokens], 1);
}

/** @param rows [B R+n, D], registers first @returns rows [B n, D] */
export function withoutRegisters(
  rows: tf.Tensor,
  { batch, registers }: { readonly batch: number; readonly registers: number },
): tf.Tensor {
  const width = rows.shape[1]!, all = rows.shape[0]! / batch, patches = all - registers;
  const tokens = tf.reshape(rows, [batch, all, width]);
  const kept = tf.slice(tokens, [0, registers, 0], [batch, patches, width]);
  return tf.reshape(kept, [batch * patches, width]);
}
