/** The transformer block that encoder and predictor share. */
import type * as tf from "@tensorflow/tfjs";
import * as ops from "@tensorflow/tfjs";
import { attention, type AttentionShape } from "./attention.ts";
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

/** The rows of the queries. @param x rows [B n, D] */
function lastRows(x: tf.Tensor, { batch, tokens, queries }: AttentionShape): tf.Tensor {
  if (queries === undefined) return x;
  const width = x.shape[1]!;
  const last = ops.slice(ops.reshape(x, [batch, tokens, width]), [0, tokens - queries, 0], [
    batch,
    queries,
    width,
  ]);
  return ops.reshape(last, [batch * queries, width]);
}

/** A block of a network. */
export interface BlockOptions {
  /** Prefix of its tensors, for example `blocks.3`. */
  readonly name: string;
  readonly shape: AttentionShape;
  /** Of its LayerNorms. */
  readonly epsilon?: number | undefined;
}

/**
 * The inputs of attention: queries of the last m tokens, keys and values of all.
 *
 * @param x rows [B n, D]
 * @returns see {@link attention}
 */
export function project(
  x: tf.Tensor,
  parameters: Parameters,
  { name, shape, epsilon }: BlockOptions,
): readonly tf.Tensor[] {
  const { weight, bias } = layer(parameters, `${name}.attn.qkv`);
  const normal = layerNorm(x, layer(parameters, `${name}.norm1`), epsilon);
  if (shape.queries === undefined) return [linear(normal, weight, bias)];
  const width = x.shape[1]!;
  const sections = (first: number, count: number) =>
    [
      ops.slice(weight, [first * width, 0], [count * width, width]),
      ops.slice(bias, [first * width], [count * width]),
    ] as const;
  return [
    linear(lastRows(normal, shape), ...sections(0, 1)),
    linear(normal, ...sections(1, 2)),
  ];
}

/**
 * One pre-norm transformer block: attention, then MLP, each added to its input. With fewer queries than tokens (see
 * {@link AttentionShape}), only their rows remain.
 *
 * @param x rows [B n, D]
 * @param projected the result of {@link project}, if already computed
 * @returns rows [B m, D]
 */
export function block(
  x: tf.Tensor,
  parameters: Parameters,
  options: BlockOptions,
  projected = project(x, parameters, options),
): tf.Tensor {
  const { name, shape, epsilon } = options;
  const attended = linearLayer(attention(projected, shape), parameters, `${name}.attn.proj`);
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
