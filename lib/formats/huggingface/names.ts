/** Names of the tensors of an encoder: official ones and those of Hugging Face (method.md section 7.1). */

import { type FloatTensor, floatTensor, type TensorRecord } from "../../tensor.ts";

const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "norm1": ["layernorm_before"],
  "attn.qkv": ["query", "key", "value"].map((part) => `attention.attention.${part}`),
  "attn.proj": ["attention.output.dense"],
  "norm2": ["layernorm_after"],
  "mlp.fc1": ["intermediate.dense"],
  "mlp.fc2": ["output.dense"],
};

const OUTER: Readonly<Record<string, string>> = {
  "pos_embed": "embeddings.position_embeddings",
  "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
  "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
  "norm.weight": "layernorm.weight",
  "norm.bias": "layernorm.bias",
};

/**
 * The Hugging Face names of a tensor with an official name: one, or three for the fused query, key and value, whose
 * rows they share out in that order.
 *
 * @throws {RangeError} not a tensor of an encoder
 */
export function huggingFaceNames(official: string): readonly string[] {
  const outer = OUTER[official];
  if (outer !== undefined) return [outer];
  const [, block, layer, kind] = /^blocks\.(\d+)\.(.+)\.(weight|bias)$/.exec(official) ?? [];
  const parts = LAYERS[layer ?? ""];
  if (parts === undefined) throw new RangeError(`"${official}" is no tensor of an encoder`);
  return parts.map((part) => `encoder.layer.${block}.${part}.${kind}`);
}

/** Shapes by Hugging Face name, from those by official name. */
export function huggingFaceShapes(
  shapes: Readonly<Record<string, readonly number[]>>,
): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(shapes).flatMap(([official, [rows, ...rest]]) => {
      const names = huggingFaceNames(official);
      return names.map((name) => [name, [rows! / names.length, ...rest]]);
    }),
  );
}

/** The same tensors (float32) under Hugging Face names; the fused ones are split. The memory is shared. */
export function toHuggingFace(tensors: TensorRecord): TensorRecord {
  return Object.fromEntries(
    Object.entries(tensors).flatMap(([official, tensor]) => {
      const names = huggingFaceNames(official);
      const { shape: [rows, ...rest], data } = tensor as FloatTensor;
      const shape = [rows! / names.length, ...rest];
      const length = data.length / names.length;
      return names.map((name, part) => [
        name,
        floatTensor(shape, data.subarray(part * length, (part + 1) * length)),
      ]);
    }),
  );
}

/**
 * The inverse of {@link toHuggingFace}. All tensors must be there, float32 and in shape.
 *
 * @param shapes shapes by official name
 */
export function fromHuggingFace(
  tensors: TensorRecord,
  shapes: Readonly<Record<string, readonly number[]>>,
): TensorRecord {
  return Object.fromEntries(
    Object.entries(shapes).map(([official, shape]) => {
      const parts = huggingFaceNames(official).map((name) => (tensors[name] as FloatTensor).data);
      if (parts.length === 1) return [official, floatTensor(shape, parts[0])];
      const fused = floatTensor(shape);
      const length = fused.data.length / parts.length;
      parts.forEach((part, index) => fused.data.set(part, index * length));
      return [official, fused];
    }),
  );
}
