/** Tensors in pickles of torch: views of storages, in nested dictionaries. */
import { type HostTensor, sizeOf, type TensorRecord } from "../../tensor.ts";
import { PickleError } from "./cursor.ts";
import { Foreign, type PickleGlobal, Tuple } from "./machine.ts";
import type { PickleWorld } from "./pickle.ts";
import { isCount, type Storage, STORAGE_GLOBALS, storageOf, StorageRef } from "./storages.ts";

/** A view of a storage; its values are still in the file. */
export class TensorView {
  readonly storage: Storage;
  /** Element of the whole storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(
    storage: Storage,
    view: {
      readonly offset: number;
      readonly shape: readonly number[];
      readonly strides: readonly number[];
    },
  ) {
    this.storage = storage;
    this.offset = view.offset;
    this.shape = view.shape;
    this.strides = view.strides;
  }
}

const MOST_AXES = 64;

function countsOf(value: unknown): readonly number[] | undefined {
  return value instanceof Tuple && value.items.length <= MOST_AXES && value.items.every(isCount)
    ? value.items as readonly number[]
    : undefined;
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)` */
function rebuildTensor(
  [from, offset, shapeTuple, strideTuple]: readonly unknown[],
): TensorView | Foreign {
  const shape = countsOf(shapeTuple), strides = countsOf(strideTuple);
  if (
    !(from instanceof StorageRef) || !isCount(offset) || shape === undefined ||
    strides === undefined || shape.length !== strides.length
  ) throw new PickleError("its pickle makes a tensor of what is no storage, shape and strides");
  const { storage } = from;
  if (storage.type.make === undefined) return new Foreign(`torch.${storage.type.name}`);
  const last = shape.reduce((at, extent, axis) => at + (extent - 1) * strides[axis]!, offset);
  if (sizeOf(shape) > 0 && !(last < storage.length)) {
    throw new PickleError(
      `a tensor of shape [${shape.join(" ")}] reaches to element ${last} of storage ` +
        `${storage.key}, which has ${storage.length}`,
    );
  }
  // Strides of zero could expand to huge tensors: no file needs that.
  if (sizeOf(shape) > storage.length) {
    throw new PickleError(
      `a tensor of shape [${shape.join(" ")}] is larger than its storage ${storage.key}`,
    );
  }
  return new TensorView(storage, { offset: storage.first + offset, shape, strides });
}

/** `_rebuild_parameter(data, requires_grad, hooks)`: the tensor in the parameter. */
function rebuildParameter([data]: readonly unknown[]): unknown {
  return data;
}

/** `_rebuild_from_type_v2(function, type, arguments, state)`: a tensor of a class of its own, or with attributes. */
function rebuildFromType(
  [_function, type, args]: readonly unknown[],
): TensorView | Foreign {
  const isTensor = args instanceof Tuple && args.items[0] instanceof StorageRef;
  return isTensor
    ? rebuildTensor(args.items)
    : type instanceof Foreign
    ? type
    : new Foreign("tensor");
}

/** `OrderedDict()`, or with a list of pairs. */
function orderedDictionary([items, ...rest]: readonly unknown[]): Map<unknown, unknown> {
  const pairs = items === undefined ? [] : Array.isArray(items) ? items as unknown[] : undefined;
  if (pairs === undefined || rest.length > 0) {
    throw new PickleError("its pickle fills a dictionary in an unknown way");
  }
  const dictionary = new Map<unknown, unknown>();
  for (const pair of pairs) {
    const [key, value] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (typeof key === "string" || typeof key === "number") dictionary.set(key, value);
  }
  return dictionary;
}

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map<string, PickleGlobal>([
  ["collections.OrderedDict", { call: orderedDictionary }],
  ["collections.defaultdict", { call: () => new Map() }],
  ["torch.Size", { call: ([sizes]) => sizes }],
  ["torch._utils._rebuild_tensor", { call: rebuildTensor }],
  ["torch._utils._rebuild_tensor_v2", { call: rebuildTensor }],
  ["torch._utils._rebuild_parameter", { call: rebuildParameter }],
  ["torch._utils._rebuild_parameter_with_state", { call: rebuildParameter }],
  ["torch._tensor._rebuild_from_type_v2", { call: rebuildFromType }],
  ...STORAGE_GLOBALS,
]);

/** Globals and persistent objects of torch's pickles. */
export const TORCH_WORLD: PickleWorld = { globals: GLOBALS, persistent: storageOf };

/** Deeper dictionaries hold settings. One that contains itself ends here too. */
const DEEPEST = 8;
const MOST_ENTRIES = 1_000_000;

/**
 * All tensors in nested dictionaries, under the keys on the way to them, joined by dots.
 *
 * @throws {PickleError} there is none
 */
export function tensorsIn(root: unknown): ReadonlyMap<string, TensorView> {
  const tensors = new Map<string, TensorView>();
  let seen = 0, foreign: Foreign | undefined;
  function visit(value: unknown, path: readonly (string | number)[]): void {
    if (value instanceof TensorView) tensors.set(path.join("."), value);
    if (value instanceof Foreign) foreign ??= value;
    if (!(value instanceof Map) || path.length === DEEPEST) return;
    for (const [key, inner] of value) {
      if (++seen > MOST_ENTRIES) throw new PickleError(`it has more than ${MOST_ENTRIES} entries`);
      visit(inner, [...path, key]);
    }
  }
  visit(root, []);
  if (tensors.size > 0) return tensors;
  throw new PickleError(
    foreign === undefined
      ? "it has no tensors"
      : `it has no tensors, but an object of ${JSON.stringify(foreign.name)}`,
  );
}

const DTYPES = [
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [BigInt64Array, "int64"],
  [Int32Array, "int32"],
  [Uint8Array, "uint8"],
] as const;

function isRowMajor({ shape, strides }: TensorView): boolean {
  return shape.every((extent, axis) =>
    extent === 1 || strides[axis] === sizeOf(shape.slice(axis + 1))
  );
}

/** The values of a view in row-major order. */
function gather(
  { offset, shape, strides }: TensorView,
  stored: HostTensor["data"],
): HostTensor["data"] {
  const data = new (stored.constructor as Float32ArrayConstructor)(sizeOf(shape));
  const source = stored as Float32Array<ArrayBuffer>;
  const index = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < data.length; i++) {
    data[i] = source[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return data;
}

/** Whether a tensor is loaded, by its name. */
export type Wanted = (name: string) => boolean;

/**
 * Loads tensors. Those that share a storage share its memory, so that all together take little more than the file.
 * Those that are not row-major are copied, and their total is limited to the size of their storages.
 *
 * @param load the bytes of a storage
 */
export async function loadTensors(
  views: ReadonlyMap<string, TensorView>,
  wanted: Wanted,
  load: (storage: Storage) => Promise<ArrayBuffer>,
): Promise<TensorRecord> {
  const stored = new Map<string, HostTensor["data"]>(),
    copies = new Map<string, HostTensor["data"]>();
  const tensors: [string, HostTensor][] = [];
  let copied = 0, elements = 0;
  for (const [name, view] of views) {
    if (!wanted(name)) continue;
    const { storage, offset, shape, strides } = view;
    const key = `${storage.type.name} ${storage.key}`;
    let data = stored.get(key);
    if (data === undefined) {
      data = storage.type.make!(await load(storage));
      elements += storage.whole;
      stored.set(key, data);
    }
    const dtype = DTYPES.find(([type]) => data instanceof type)![1];
    if (isRowMajor(view)) {
      data = data.subarray(offset, offset + sizeOf(shape));
    } else {
      const same = `${key} ${offset} ${shape.join()} ${strides.join()}`;
      const copy = copies.get(same);
      if (copy === undefined && (copied += sizeOf(shape)) > elements) {
        throw new PickleError(`its tensors take more memory than their ${stored.size} storages`);
      }
      data = copy ?? gather(view, data);
      copies.set(same, data);
    }
    tensors.push([name, { dtype, shape, data } as HostTensor]);
  }
  return Object.fromEntries(tensors);
}
