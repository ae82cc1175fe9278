/** The encoder of I-JEPA, a Vision Transformer: fixed positions, no class token (docs/method.md section 2.3). */

import * as tf from "@tensorflow/tfjs";
import { type EncoderConfig, gridOf } from "./config.ts";
import { layerNorm, linear } from "./layers.ts";
import { REGISTERS, withoutRegisters, withRegisters } from "./registers.ts";
import { block, layer, type Parameters } from "./transformer.ts";

/**
 * Cuts images into patches.
 *
 * @param images [B 3 H W]
 * @returns [B N, 3 p p]: patches in raster order, values channel by channel
 */
export function patchify(images: tf.Tensor, config: EncoderConfig): tf.Tensor {
  const [rows, columns] = gridOf(config);
  const p = config.patchSize;
  const batch = images.shape[0]!;
  // Two transposes of rank four do what one of rank six would; every backend has fast ones.
  const bands = tf.transpose(tf.reshape(images, [batch * 3 * rows, p, columns, p]), [0, 2, 1, 3]);
  const planes = tf.reshape(bands, [batch, 3, rows * columns, p * p]); // [B 3 N pp]
  return tf.reshape(tf.transpose(planes, [0, 2, 1, 3]), [batch * rows * columns, 3 * p * p]);
}

/** A position table, [1 N D], as rows, [N D]. */
export function positionRows(table: tf.Tensor): tf.Tensor {
  return tf.reshape(table, [table.shape[1]!, table.shape[2]!]);
}

/** Patches and their position rows, both already restricted to the visible tokens. */
export interface EncoderInput {
  /** [B n, 3 p p] */
  readonly patches: tf.Tensor;
  /** [B n, D], or [n, D] when all sequences have the same tokens. */
  readonly positions: tf.Tensor;
  readonly batch: number;
}

/**
 * Encodes patches. Masking happens before: the kept patches are gathered as pixels, which gives the same result as
 * dropping tokens after the embedding, with less work and no gradient of a gather. Registers attend to them and they to
 * registers, which are not part of the result.
 *
 * @returns token representations after the final norm, rows [B n, D]
 */
export function encode(
  input: EncoderInput,
  parameters: Parameters,
  config: EncoderConfig,
): tf.Tensor {
  return encodeLayers(input, parameters, { config, count: 1 })[0]!;
}

/**
 * Like {@link encode}, for the outputs of the last `count` blocks, each through the final norm (docs/method.md section
 * 2.8).
 *
 * @returns rows [B n, D] of each, earliest block first
 */
export function encodeLayers(
  { patches, positions, batch }: EncoderInput,
  parameters: Parameters,
  { config, count }: { readonly config: EncoderConfig; readonly count: number },
): tf.Tensor[] {
  const { width, depth, heads, registers = 0, layerNormEpsilon: epsilon } = config;
  const tokens = registers + patches.shape[0]! / batch;
  const { weight, bias } = layer(parameters, "patch_embed.proj");
  const embedded = linear(patches, tf.reshape(weight, [width, -1]), bias); // [B n, D]
  const placed = tf.add(
    tf.reshape(embedded, [-1, positions.shape[0]!, width]),
    tf.expandDims(positions, 0),
  );
  const sequences = registers === 0
    ? placed
    : withRegisters(tf.reshape(placed, [batch, -1, width]), parameters[REGISTERS]!);
  const outputs = [tf.reshape(sequences, [batch * tokens, width])];
  for (let i = 0; i < depth; i++) {
    const shape = { batch, tokens, heads };
    outputs.push(block(outputs[i]!, parameters, { name: `blocks.${i}`, shape, epsilon }));
  }
  return outputs.slice(-count).map((rows) => {
    // The norm is of each token alone: dropping registers before it is the same with less work.
    const kept = registers === 0 ? rows : withoutRegisters(rows, { batch, registers });
    return layerNorm(kept, layer(parameters, "norm"), epsilon);
  });
}
