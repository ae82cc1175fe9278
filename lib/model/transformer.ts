import type * as tf from "@tensorflow/tfjs";
import * as ops from "@tensorflow/tfjs";
import { attention, type AttentionShape, lastTokens } from "./attention.ts";
import { gelu, layerNorm, linear } from "./layers.ts";

/** The tensors of a network under their official names. */
export type Parameters = Readonly<Record<string, tf.Tensor>>;

/** Weight and bias of the layer called `name`. */
export function layer(parameters: Parameters, name: string) {
  return { weight: parameters[`${name}.weight`]!, bias: parameters[`${name}.bias`]! };
}

/** The linear layer called `name`. */
export function linearLayer(x: tf.Tensor, parameters: Parameters, name: string): tf.Tensor {
  const { weight, bias } = layer(parameters, name);
  return linear(x, weight, bias);
}

/** The rows of the tokens that ask. @param x rows [B n, D] */
function lastRows(x: tf.Tensor, { batch, tokens, asking }: AttentionShape): tf.Tensor {
  if (asking === undefined) return x;
  const width = x.shape[1]!;
  const last = lastTokens(ops.reshape(x, [batch, tokens, width]), asking);
  return ops.reshape(last, [batch * asking, width]);
}

/**
 * One pre-norm transformer block: attention, then MLP, each added to its input. Where only some tokens ask (see
 * {@link AttentionShape}), only they go on.
 *
 * @param x rows [B n, D]
 * @param options `name`: prefix of the block's tensors, for example `blocks.3`; `epsilon` of its LayerNorms
 * @returns rows [B m, D]
 */
export function block(
  x: tf.Tensor,
  parameters: Parameters,
  { name, shape, epsilon }: {
    readonly name: string;
    readonly shape: AttentionShape;
    readonly epsilon?: number | undefined;
  },
): tf.Tensor {
  const qkv = linearLayer(
    layerNorm(x, layer(parameters, `${name}.norm1`), epsilon),
    parameters,
    `${name}.attn.qkv`,
  );
  const attended = linearLayer(attention(qkv, shape), parameters, `${name}.attn.proj`);
  const middle = ops.add(lastRows(x, shape), attended);
  const hidden = gelu(
    linearLayer(
      layerNorm(middle, layer(parameters, `${name}.norm2`), epsilon),
      parameters,
      `${name}.mlp.fc1`,
    ),
  );
  return ops.add(middle, linearLayer(hidden, parameters, `${name}.mlp.fc2`));
}
