import * as tf from "@tensorflow/tfjs";

/** How rows of tokens are arranged into images and heads. */
export interface AttentionShape {
  /** Sequences in the batch, B. */
  readonly batch: number;
  /** Tokens per sequence, n. */
  readonly tokens: number;
  /** Heads H. */
  readonly heads: number;
  /** Tokens at the end of each sequence that ask, m; what the others would be told is not needed. @default n */
  readonly asking?: number | undefined;
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

/** The last `count` tokens of sequences or matrices [S, n, d]. */
export function lastTokens(matrices: tf.Tensor, count: number): tf.Tensor {
  const [sequences, tokens, depth] = matrices.shape as [number, number, number];
  return tf.slice(matrices, [0, tokens - count, 0], [sequences, count, depth]);
}

/**
 * Multi-head self-attention between the two projections: softmax(q kᵀ / √d) v.
 *
 * @param qkv rows [B n, 3D]: queries, keys and values of all heads side by side
 * @returns rows [B m, D] of the tokens that ask
 */
export function attention(qkv: tf.Tensor, shape: AttentionShape): tf.Tensor {
  const scale = Math.sqrt(3 * shape.heads / qkv.shape[1]!); // 1 / √d with d = 3D / (3H)
  const { asking } = shape;
  const told = { ...shape, tokens: asking ?? shape.tokens };
  const apply = tf.customGrad((...args) => {
    const [qkv, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const parts = splitHeads(qkv, shape, 3);
    const all = section(parts, 0), key = section(parts, 1), value = section(parts, 2);
    const query = asking === undefined ? all : lastTokens(all, asking);
    const scores = tf.mul(tf.matMul(query, key, false, true), scale); // [B H, m, n]
    const weights = tf.softmax(scores);
    save([query, key, value, weights]);
    return {
      value: mergeHeads(tf.matMul(weights, value), told, 1),
      gradFunc: (dy, saved) => {
        const [query, key, value, weights] = saved as tf.Tensor[] as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const dOutput = section(splitHeads(dy, told, 1), 0); // [B H, m, d]
        const dWeights = tf.mul(tf.matMul(dOutput, value, false, true), weights);
        const dScores = tf.sub(dWeights, tf.mul(weights, tf.sum(dWeights, -1, true)));
        const dQuery = tf.mul(tf.matMul(dScores, key), scale);
        const dParts = tf.concat([
          asking === undefined
            ? dQuery
            : tf.pad(dQuery, [[0, 0], [shape.tokens - asking, 0], [0, 0]]),
          tf.mul(tf.matMul(dScores, query, true, false), scale),
          tf.matMul(weights, dOutput, true, false),
        ], 0);
        return mergeHeads(dParts, shape, 3);
      },
    };
  });
  return apply(qkv);
}
