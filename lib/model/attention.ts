import * as tf from "@tensorflow/tfjs";

/** How rows of tokens are arranged into images and heads. */
export interface AttentionShape {
  /** Sequences in the batch, B. */
  readonly batch: number;
  /** Tokens per sequence, n. */
  readonly tokens: number;
  /** Heads H. */
  readonly heads: number;
}

/** Rows [B n, S H d] to one matrix per section, sequence and head, [S, B H, n, d]. */
function splitHeads(rows: tf.Tensor, shape: AttentionShape, sections: number): tf.Tensor {
  const { batch, tokens, heads } = shape;
  const split = tf.reshape(rows, [batch, tokens, sections, heads, -1]); // [B n S H d]
  return tf.reshape(tf.transpose(split, [2, 0, 3, 1, 4]), [sections, batch * heads, tokens, -1]);
}

/** The inverse of {@link splitHeads}. */
function mergeHeads(matrices: tf.Tensor, shape: AttentionShape, sections: number): tf.Tensor {
  const { batch, tokens, heads } = shape;
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
 * @param qkv rows [B n, 3D]: queries, keys and values of all heads side by side
 * @returns rows [B n, D]
 */
export function attention(qkv: tf.Tensor, shape: AttentionShape): tf.Tensor {
  const scale = Math.sqrt(3 * shape.heads / qkv.shape[1]!); // 1 / √d with d = 3D / (3H)
  const apply = tf.customGrad((...args) => {
    const [qkv, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const parts = splitHeads(qkv, shape, 3);
    const query = section(parts, 0), key = section(parts, 1), value = section(parts, 2);
    const scores = tf.mul(tf.matMul(query, key, false, true), scale); // [B H, n, n]
    const weights = tf.softmax(scores);
    save([query, key, value, weights]);
    return {
      value: mergeHeads(tf.matMul(weights, value), shape, 1),
      gradFunc: (dy, saved) => {
        const [query, key, value, weights] = saved as tf.Tensor[] as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const dOutput = section(splitHeads(dy, shape, 1), 0); // [B H, n, d]
        const dWeights = tf.mul(tf.matMul(dOutput, value, false, true), weights);
        const dScores = tf.sub(dWeights, tf.mul(weights, tf.sum(dWeights, -1, true)));
        const dParts = tf.concat([
          tf.mul(tf.matMul(dScores, key), scale),
          tf.mul(tf.matMul(dScores, query, true, false), scale),
          tf.matMul(weights, dOutput, true, false),
        ], 0);
        return mergeHeads(dParts, shape, 3);
      },
    };
  });
  return apply(qkv);
}
