/** Tensors as plain data, in files and at the interface of runtimes. Independent of any tensor library. */

/** The typed array that holds each element type. */
export interface DataOf {
  readonly float32: Float32Array<ArrayBuffer>;
  readonly float64: Float64Array<ArrayBuffer>;
  readonly int32: Int32Array<ArrayBuffer>;
  readonly int64: BigInt64Array<ArrayBuffer>;
  readonly uint8: Uint8Array<ArrayBuffer>;
}

/** Element types that tensors have outside of a runtime. */
export type Dtype = keyof DataOf;

/** A row-major tensor in memory. */
export type HostTensor = {
  readonly [D in Dtype]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: DataOf[D];
  };
}[Dtype];

/** Nearly all tensors are float32. */
export type FloatTensor = Extract<HostTensor, { dtype: "float32" }>;

/** Tensors by name, for example the weights of a network under their official names. */
export type TensorRecord = Readonly<Record<string, HostTensor>>;

/** The same entries with a prefix before their names. */
export function prefixed<T>(
  prefix: string,
  record: Readonly<Record<string, T>>,
): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]));
}

/** The entries whose names begin with the prefix, without it. */
export function under<T>(prefix: string, record: Readonly<Record<string, T>>): Record<string, T> {
  const taken = Object.entries(record).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(taken.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** How many elements a shape holds. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * A float32 tensor over the given values.
 *
 * @throws {RangeError} when the values do not fill the shape
 */
export function floatTensor(
  shape: readonly number[],
  data: Float32Array<ArrayBuffer> = new Float32Array(sizeOf(shape)),
): FloatTensor {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(
      `Cannot make a tensor: shape [${shape.join(" ")}] holds ${sizeOf(shape)} values, ` +
        `got ${data.length}`,
    );
  }
  return { dtype: "float32", shape, data };
}
