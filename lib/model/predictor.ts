/** The narrow predictor: context tokens in, representations of masked blocks out (docs/method.md section 2.5). */

import * as tf from "@tensorflow/tfjs";
import type { PredictorConfig } from "./config.ts";
import { positionRows } from "./encoder.ts";
import { layerNorm } from "./layers.ts";
import { PREDICTOR_POSITIONS } from "./positions.ts";
import { block, layer, linearLayer, type Parameters, project } from "./transformer.ts";

/** The context tokens and the target tokens, as indices into the patch grid. */
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
  const [sequences, predicted] = targets.shape as [number, number];
  const blocks = sequences / batch;
  const tokens = kept + predicted;
  const positions = positionRows(parameters[PREDICTOR_POSITIONS]!);

  const embedded = tf.add(
    linearLayer(context, parameters, "predictor_embed"),
    tf.gather(positions, tf.reshape(contextTokens, [-1])),
  );
  const masked = tf.reshape(
    tf.add(parameters["mask_token"]!, tf.gather(positions, targets)),
    [sequences * predicted, width],
  );
  /** Rows of sequences [M B n, C] from those of the context [B Kc, C], which its blocks share, and of masks [M B Kt, C]. */
  const join = (given: tf.Tensor, masked: tf.Tensor) => {
    const channels = given.shape[1]!;
    const shared = tf.tile(tf.reshape(given, [batch, kept, channels]), [blocks, 1, 1]);
    const own = tf.reshape(masked, [sequences, predicted, channels]);
    return tf.reshape(tf.concat([shared, own], 1), [sequences * tokens, channels]);
  };
  let rows = join(embedded, masked);
  for (let i = 0; i < depth; i++) {
    // Nothing needs the context tokens after the last block, so its outputs for them are not computed.
    const queries = i === depth - 1 ? predicted : undefined;
    const options = {
      name: `predictor_blocks.${i}`,
      shape: { batch: sequences, tokens, heads, queries },
    };
    // In the first block the context of an image is the same for all target blocks: it is projected once.
    const alone = (x: tf.Tensor) => project(x, parameters, options)[0]!;
    const projected = i === 0 && queries === undefined
      ? [join(alone(embedded), alone(masked))]
      : undefined;
    rows = block(rows, parameters, options, projected);
  }
  return linearLayer(
    layerNorm(rows, layer(parameters, "predictor_norm")),
    parameters,
    "predictor_proj",
  );
}
