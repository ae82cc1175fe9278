import { floatTensor, sizeOf, type TensorRecord } from "../../lib/tensor.ts";

/** Tensors in which no two values are equal. */
export function made(
  shapes: Readonly<Record<string, readonly number[]>>,
  start: number,
): TensorRecord {
  let next = start;
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      floatTensor(shape, Float32Array.from({ length: sizeOf(shape) }, () => next++)),
    ]),
  );
}
