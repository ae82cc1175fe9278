/** Element types of safetensors files. */
import type { DataOf, Dtype } from "../../tensor.ts";
import { fromBfloat16, fromHalf } from "../half.ts";

/** How tensors of one type are stored. */
export interface ElementType {
  /** In memory. */
  readonly dtype: Dtype;
  /** In the file. */
  readonly code: string;
  readonly bytes: number;
  make(buffer: ArrayBuffer): DataOf[Dtype];
}

/** Types that are written, in the Python library's order of tensors. */
export const WRITTEN_TYPES: readonly ElementType[] = [
  { dtype: "int64", code: "I64", bytes: 8, make: (buffer) => new BigInt64Array(buffer) },
  { dtype: "float64", code: "F64", bytes: 8, make: (buffer) => new Float64Array(buffer) },
  { dtype: "float32", code: "F32", bytes: 4, make: (buffer) => new Float32Array(buffer) },
  { dtype: "int32", code: "I32", bytes: 4, make: (buffer) => new Int32Array(buffer) },
  { dtype: "uint8", code: "U8", bytes: 1, make: (buffer) => new Uint8Array(buffer) },
];

/** Types that are read. */
export const READ_TYPES: readonly ElementType[] = [
  ...WRITTEN_TYPES,
  { dtype: "float32", code: "F16", bytes: 2, make: fromHalf },
  { dtype: "float32", code: "BF16", bytes: 2, make: fromBfloat16 },
];

/** The length of the header comes first. */
export const LENGTH_BYTES = 8;
