/** Storages, the memory that tensors of torch are views of: their types, and references to them in pickles. */
import type { HostTensor } from "../../tensor.ts";
import { fromBfloat16, fromHalf } from "../half.ts";
import { PickleError } from "./cursor.ts";
import { type PickleGlobal, Tuple } from "./machine.ts";

/** The type of the elements of a storage. */
export interface StorageType {
  /** Torch's name, such as `FloatStorage`. */
  readonly name: string;
  /** Of an element. */
  readonly bytes: number;
  /** A tensor's data over little-endian values; absent: not supported, and skipped. */
  readonly make?: (values: ArrayBuffer) => HostTensor["data"];
}

function wide<T extends HostTensor["data"]>(
  name: string,
  type: { new (buffer: ArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
): StorageType {
  return { name, bytes: type.BYTES_PER_ELEMENT, make: (values) => new type(values) };
}

const STORAGE_TYPES: readonly StorageType[] = [
  wide("FloatStorage", Float32Array),
  wide("DoubleStorage", Float64Array),
  wide("LongStorage", BigInt64Array),
  wide("IntStorage", Int32Array),
  wide("ByteStorage", Uint8Array),
  { name: "HalfStorage", bytes: 2, make: fromHalf },
  { name: "BFloat16Storage", bytes: 2, make: fromBfloat16 },
  { name: "BoolStorage", bytes: 1 },
  { name: "CharStorage", bytes: 1 },
  { name: "ShortStorage", bytes: 2 },
  { name: "ComplexFloatStorage", bytes: 8 },
  { name: "ComplexDoubleStorage", bytes: 16 },
  { name: "QUInt8Storage", bytes: 1 },
  { name: "QInt8Storage", bytes: 1 },
  { name: "QInt32Storage", bytes: 4 },
  { name: "storage.UntypedStorage", bytes: 1 },
];

/** The types by their names in pickles. */
export const STORAGE_GLOBALS: readonly (readonly [string, PickleGlobal])[] = STORAGE_TYPES.map(
  (type) => [`torch.${type.name}`, { constant: type }],
);

/** A storage, or a part of one, which old versions of torch name. */
export interface Storage {
  readonly type: StorageType;
  readonly key: string;
  /** Elements of all of it. */
  readonly whole: number;
  /** The first element of the part, and how many it has. */
  readonly first: number;
  readonly length: number;
}

/** Whether a value is a size. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A reference to a storage in a pickle, as a class of its own to tell it from other values. */
export class StorageRef {
  readonly storage: Storage;

  constructor(storage: Storage) {
    this.storage = storage;
  }
}

/** `("storage", type, key, device, elements)`, before torch 1.6 with `(key, first, elements)` of a part or None. */
export function storageOf(id: unknown): StorageRef {
  const [kind, type, key, , whole, part] = id instanceof Tuple ? id.items : [];
  const known = STORAGE_TYPES.find((each) => each === type);
  const [, first, length] = part instanceof Tuple ? part.items : [undefined, 0, whole];
  if (
    kind !== "storage" || known === undefined || typeof key !== "string" || !isCount(whole) ||
    !isCount(first) || !isCount(length) || first + length > whole
  ) throw new PickleError("its pickle refers to what is no storage");
  return new StorageRef({ type: known, key, whole, first, length });
}
