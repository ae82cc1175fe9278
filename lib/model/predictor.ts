/** The narrow predictor: context tokens in, representations of masked blocks out (method.md section 4). */

import * as tf from "@tensorflow/tfjs";
import type { PredictorConfig } from "./config.ts";
import { positionRows } from "./encoder.ts";
import { layerNorm } from "./layers.ts";
import { PREDICTOR_POSITIONS } from "./positions.ts";
import { block, layer, linearLayer, type Parameters } from "./transformer.ts";

/** Which tokens are given and which are asked for; indices into the patch grid. */
export interface PredictorTokens {
  /** [B Kc] int32 */
  readonly context: tf.Tensor;
  /** [M B, Kt] int32, block-major: block 0 of all images first */
  readonly targets: tf.Tensor;
}

/**
 * Predicts every target block from the context, each block on its own.
 *
 * @param context encoder output, rows [B Kc, D]
 * @returns predictions, rows [M B Kt, T], block-major; T is the predictor's `outputWidth`
 */
export function predict(
  context: tf.Tensor,
  { context: contextTokens, targets }: PredictorTokens,
  { parameters, predictor }: {
    readonly parameters: Parameters;
    readonly predictor: PredictorConfig;
  },
): tf.Tensor {
  const { width, depth, heads } = predictor;
  const [batch, kept] = contextTokens.shape as [number, number];
  const [sequences, asked] = targets.shape as [number, number];
  const blocks = sequences / batch;
  const tokens = kept + asked;
  const positions = positionRows(parameters[PREDICTOR_POSITIONS]!);

  const embedded = tf.add(
    linearLayer(context, parameters, "predictor_embed"),
    tf.gather(positions, tf.reshape(contextTokens, [-1])),
  );
  const given = tf.tile(tf.reshape(embedded, [batch, kept, width]), [blocks, 1, 1]); // [M B, Kc, P]
  const masked = tf.add(parameters["mask_token"]!, tf.gather(positions, targets)); // [M B, Kt, P]
  let rows = tf.reshape(tf.concat([given, masked], 1), [sequences * tokens, width]);
  for (let i = 0; i < depth; i++) {
    // Nothing after the last block needs the context tokens: what it would make of them is not computed.
    const asking = i === depth - 1 ? asked : undefined;
    const shape = { batch: sequences, tokens, heads, asking };
    rows = block(rows, parameters, { name: `predictor_blocks.${i}`, shape });
  }
  return linearLayer(
    layerNorm(rows, layer(parameters, "predictor_norm")),
    parameters,
    "predictor_proj",
  );
}
