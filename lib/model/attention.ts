/** Multi-head self-attention with its own gradient. */
import * as tf from "@tensorflow/tfjs";

/** How rows of tokens are arranged into images and heads. */
export interface AttentionShape {
  /** Sequences in the batch, B. */
  readonly batch: number;
  /** Tokens per sequence, n. */
  readonly tokens: number;
  /** Heads H. */
  readonly heads: number;
  /** Number m of queries: the last m tokens of each sequence. The outputs of the others are not needed. @default n */
  readonly queries?: number | undefined;
}

/** Rows [B n, S H d] to one matrix per section, sequence and head, [S, B H, n, d]. */
function splitHeads(
  rows: tf.Tensor,
  { batch, tokens, heads }: AttentionShape,
  sections: number,
): tf.Tensor {
  const split = tf.reshape(rows, [batch, tokens, sections, heads, -1]); // [B n S H d]
  return tf.reshape(tf.transpose(split, [2, 0, 3, 1, 4]), [sections, batch * heads, tokens, -1]);
}

/** The inverse of {@link splitHeads}. */
function mergeHeads(
  matrices: tf.Tensor,
  { batch, tokens, heads }: AttentionShape,
  sections: number,
): tf.Tensor {
  const split = tf.reshape(matrices, [sections, batch, heads, tokens, -1]); // [S B H n d]
  return tf.reshape(tf.transpose(split, [1, 3, 0, 2, 4]), [batch * tokens, -1]);
}

/** One of the stacked matrices, [B H, n, d]. */
function section(matrices: tf.Tensor, index: number): tf.Tensor {
  const [, batchHeads, tokens, depth] = matrices.shape as [number, number, number, number];
  const taken = tf.slice(matrices, [index, 0, 0, 0], [1, batchHeads, tokens, depth]);
  return tf.reshape(taken, [batchHeads, tokens, depth]);
}

/**
 * Multi-head self-attention between the two projections: softmax(q kᵀ / √d) v.
 *
 * @param projected rows of queries, keys and values of all heads side by side, [B n, 3D]; with fewer queries than
 *   tokens, queries [B m, D], and keys and values [B n, 2D]
 * @returns rows [B m, D] of the queries
 */
export function attention(projected: readonly tf.Tensor[], shape: AttentionShape): tf.Tensor {
  const ofQueries = { ...shape, tokens: shape.queries ?? shape.tokens };
  const inputs = shape.queries === undefined
    ? [{ sections: 3, tokens: shape }]
    : [{ sections: 1, tokens: ofQueries }, { sections: 2, tokens: shape }];
  const width = projected[0]!.shape[1]! / inputs[0]!.sections;
  const scale = Math.sqrt(shape.heads / width);
  const apply = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    const [query, key, value] = inputs.flatMap(({ sections, tokens }, i) => {
      const parts = splitHeads(args[i] as tf.Tensor, tokens, sections);
      return Array.from({ length: sections }, (_, index) => section(parts, index));
    }) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const scores = tf.mul(tf.matMul(query, key, false, true), scale); // [B H, m, n]
    const weights = tf.softmax(scores);
    save([query, key, value, weights]);
    return {
      value: mergeHeads(tf.matMul(weights, value), ofQueries, 1),
      gradFunc: (dy, saved) => {
        const [query, key, value, weights] = saved as tf.Tensor[] as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const dOutput = section(splitHeads(dy, ofQueries, 1), 0); // [B H, m, d]
        const dWeights = tf.mul(tf.matMul(dOutput, value, false, true), weights);
        const dScores = tf.sub(dWeights, tf.mul(weights, tf.sum(dWeights, -1, true)));
        const dParts = [
          tf.mul(tf.matMul(dScores, key), scale),
          tf.mul(tf.matMul(dScores, query, true, false), scale),
          tf.matMul(weights, dOutput, true, false),
        ];
        return inputs.map(({ sections, tokens }) =>
          mergeHeads(tf.concat(dParts.splice(0, sections), 0), tokens, sections)
        );
      },
    };
  });
  return apply(...projected);
}
