/** Names of the tensors of an encoder: official ones and those of Hugging Face (docs/method.md section 8.2). */

import { type FloatTensor, floatTensor, type TensorRecord } from "../../tensor.ts";

const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "norm1": ["layernorm_before"],
  "attn.qkv": ["query", "key", "value"].map((part) => `attention.attention.${part}`),
  "attn.proj": ["attention.output.dense"],
  "norm2": ["layernorm_after"],
  "mlp.fc1": ["intermediate.dense"],
  "mlp.fc2": ["output.dense"],
};

const POSITIONS = "pos_embed", REGISTERS = "register_tokens";

const OUTER: Readonly<Record<string, string>> = {
  [POSITIONS]: "embeddings.position_embeddings",
  [REGISTERS]: "embeddings.register_tokens",
  "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
  "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
  "norm.weight": "layernorm.weight",
  "norm.bias": "layernorm.bias",
};

/**
 * The Hugging Face names of a tensor with an official name: one, or three for the fused query, key and value, whose
 * rows they split in that order.
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

/** Registers R of an encoder with these shapes by official name. */
function registersIn(shapes: Readonly<Record<string, readonly number[]>>): number {
  return shapes[REGISTERS]?.[1] ?? 0;
}

/**
 * Shapes by Hugging Face name, from those by official name. With registers R the position table starts with R rows of
 * zeros: a model without registers, such as transformers' IJepaModel, then refuses the weights instead of ignoring the
 * registers.
 */
export function huggingFaceShapes(
  shapes: Readonly<Record<string, readonly number[]>>,
): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(shapes).flatMap(([official, shape]) => {
      const names = huggingFaceNames(official);
      if (official === POSITIONS) {
        return [[names[0]!, shape.with(1, shape[1]! + registersIn(shapes))]];
      }
      const [rows, ...rest] = shape;
      return names.map((name) => [name, [rows! / names.length, ...rest]]);
    }),
  );
}

/** A table [1 N D] after rows of zeros. */
function withZeros({ shape: [, rows, width], data }: FloatTensor, zeros: number): FloatTensor {
  const table = floatTensor([1, zeros + rows!, width!]);
  table.data.set(data, zeros * width!);
  return table;
}

/**
 * A table [1 R+N D] without its first R rows, [1 N D]. The memory is shared.
 *
 * @param registers R
 */
export function withoutRegisterRows(
  { shape: [, rows, width], data }: FloatTensor,
  registers: number,
): FloatTensor {
  return floatTensor([1, rows! - registers, width!], data.subarray(registers * width!));
}

/**
 * The same tensors (float32) under Hugging Face names; the fused ones are split. The memory is shared, but for a position
 * table with registers, see {@link huggingFaceShapes}.
 */
export function toHuggingFace(tensors: TensorRecord): TensorRecord {
  const registers = tensors[REGISTERS]?.shape[1] ?? 0;
  return Object.fromEntries(
    Object.entries(tensors).flatMap(([official, tensor]) => {
      const names = huggingFaceNames(official);
      if (official === POSITIONS && registers > 0) {
        return [[names[0]!, withZeros(tensor as FloatTensor, registers)]];
      }
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
 * The inverse of {@link toHuggingFace}. All tensors must exist, float32 and in shape.
 *
 * @param shapes shapes by official name
 */
export function fromHuggingFace(
  tensors: TensorRecord,
  shapes: Readonly<Record<string, readonly number[]>>,
): TensorRecord {
  return Object.fromEntries(
    Object.entries(shapes).map(([official, shape]) => {
      const names = huggingFaceNames(official);
      if (official === POSITIONS) {
        const table = tensors[names[0]!] as FloatTensor;
        return [official, withoutRegisterRows(table, registersIn(shapes))];
      }
      const parts = names.map((name) => (tensors[name] as FloatTensor).data);
      if (parts.length === 1) return [official, floatTensor(shape, parts[0])];
      const fused = floatTensor(shape);
      const length = fused.data.length / parts.length;
      parts.forEach((part, index) => fused.data.set(part, index * length));
      return [official, fused];
    }),
  );
}
