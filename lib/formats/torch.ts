/**
 * Files that `torch.save` writes since version 1.6: a zip archive of uncompressed members, one of them a pickle that
 * says how the others make tensors. A pickle is a program; here it is read as data by a machine that knows containers,
 * numbers, text and tensors. Anything else it asks for is refused by name, and nothing is ever executed.
 *
 * @module
 */
import { Failure } from "../failure.ts";
import { readFully } from "../files/mod.ts";
import { type HostTensor, sizeOf, type TensorRecord } from "../tensor.ts";
import { PickleError, type PickleGlobal, readPickle, Tuple } from "./torch/pickle.ts";
import { listZip, readZipEntry, type ZipEntry, ZipError } from "./torch/zip.ts";

interface StorageType {
  readonly name: string;
  readonly bytes: number;
  /** A tensor over little-endian values; half-precision ones are widened, which loses nothing. */
  make(values: ArrayBuffer): HostTensor["data"];
}

function wide<T extends HostTensor["data"]>(
  name: string,
  type: { new (buffer: ArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
): StorageType {
  return { name, bytes: type.BYTES_PER_ELEMENT, make: (values) => new type(values) };
}

/** The upper half of a float32. */
function fromBfloat16(values: ArrayBuffer): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint32Array.from(new Uint16Array(values), (bits) => bits << 16).buffer);
}

function fromHalf(values: ArrayBuffer): Float32Array<ArrayBuffer> {
  const view = new DataView(values);
  return Float32Array.from(
    { length: values.byteLength / 2 },
    (_, i) => view.getFloat16(2 * i, true),
  );
}

const STORAGE_TYPES: readonly StorageType[] = [
  wide("FloatStorage", Float32Array),
  wide("DoubleStorage", Float64Array),
  wide("LongStorage", BigInt64Array),
  wide("IntStorage", Int32Array),
  wide("ByteStorage", Uint8Array),
  { name: "HalfStorage", bytes: 2, make: fromHalf },
  { name: "BFloat16Storage", bytes: 2, make: fromBfloat16 },
];

/** Bytes in a file that tensors share. */
class Storage {
  readonly type: StorageType;
  readonly key: string;
  /** Elements. */
  readonly length: number;

  constructor(type: StorageType, key: string, length: number) {
    this.type = type;
    this.key = key;
    this.length = length;
  }
}

/** A view of a storage; its values are still in the file. */
class TensorView {
  readonly storage: Storage;
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

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function countsOf(value: unknown): readonly number[] | undefined {
  return value instanceof Tuple && value.items.every(isCount)
    ? value.items as readonly number[]
    : undefined;
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)` */
function rebuildTensor([storage, offset, shapeTuple, strideTuple]: readonly unknown[]): TensorView {
  const shape = countsOf(shapeTuple), strides = countsOf(strideTuple);
  if (
    !(storage instanceof Storage) || !isCount(offset) || shape === undefined ||
    strides === undefined || shape.length !== strides.length
  ) throw new PickleError("its pickle makes a tensor of what is no storage, shape and strides");
  const last = shape.reduce((at, extent, axis) => at + (extent - 1) * strides[axis]!, offset);
  if (sizeOf(shape) > 0 && !(last < storage.length)) {
    throw new PickleError(
      `a tensor of shape [${shape.join(" ")}] reaches to element ${last} of storage ` +
        `${storage.key}, which has ${storage.length}`,
    );
  }
  // Strides of zero would make much of little: no file needs that.
  if (sizeOf(shape) > storage.length) {
    throw new PickleError(
      `a tensor of shape [${shape.join(" ")}] is larger than its storage ${storage.key}`,
    );
  }
  return new TensorView(storage, { offset, shape, strides });
}

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map<string, PickleGlobal>([
  ["collections.OrderedDict", { call: orderedDictionary }],
  ["torch._utils._rebuild_tensor_v2", { call: rebuildTensor }],
  ...STORAGE_TYPES.map((type) => [`torch.${type.name}`, { constant: type }] as const),
]);

function orderedDictionary(args: readonly unknown[]): Map<unknown, unknown> {
  if (args.length > 0) throw new PickleError("its pickle fills a dictionary in an unknown way");
  return new Map();
}

/** `("storage", type, key, device, elements)` */
function storageOf(id: unknown): Storage {
  const [kind, type, key, , length] = id instanceof Tuple ? id.items : [];
  const known = STORAGE_TYPES.find((each) => each === type);
  if (kind !== "storage" || known === undefined || typeof key !== "string" || !isCount(length)) {
    throw new PickleError("its pickle refers to what is no storage");
  }
  return new Storage(known, key, length);
}

const DEEPEST = 8, MOST_ENTRIES = 1_000_000;

/** All tensors in nested dictionaries, under the keys on the way to them, joined by dots. */
function flatten(root: unknown): Map<string, TensorView> {
  const tensors = new Map<string, TensorView>();
  let seen = 0;
  function visit(value: unknown, path: readonly (string | number)[]): void {
    if (value instanceof TensorView) tensors.set(path.join("."), value);
    if (!(value instanceof Map)) return;
    // A dictionary may contain itself.
    if (path.length === DEEPEST) throw new PickleError("its dictionaries are nested too deeply");
    for (const [key, inner] of value) {
      if (++seen > MOST_ENTRIES) throw new PickleError(`it has more than ${MOST_ENTRIES} entries`);
      visit(inner, [...path, key]);
    }
  }
  visit(root, []);
  return tensors;
}

const DTYPES = [
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [BigInt64Array, "int64"],
  [Int32Array, "int32"],
  [Uint8Array, "uint8"],
] as const;

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  return shape.every((extent, axis) =>
    extent === 1 || strides[axis] === sizeOf(shape.slice(axis + 1))
  );
}

/** The values of a view in row-major order. */
function gather({ offset, shape, strides }: TensorView, stored: HostTensor["data"]): HostTensor {
  const count = sizeOf(shape);
  const dtype = DTYPES.find(([type]) => stored instanceof type)![1];
  if (isRowMajor(shape, strides)) {
    return { dtype, shape, data: stored.slice(offset, offset + count) } as HostTensor;
  }
  const data = new (stored.constructor as Float32ArrayConstructor)(count);
  const source = stored as Float32Array<ArrayBuffer>;
  const index = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    data[i] = source[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { dtype, shape, data } as HostTensor;
}

async function readTensors(
  file: Deno.FsFile,
  wanted: (name: string) => boolean,
): Promise<TensorRecord> {
  const entries = await listZip(file);
  const pickleName = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickleName === undefined) throw new ZipError("the archive has no data.pkl");
  const prefix = pickleName.slice(0, -"data.pkl".length);
  const order = entries.get(`${prefix}byteorder`);
  if (order !== undefined) {
    const text = new TextDecoder().decode(await readZipEntry(file, order));
    if (text !== "little") throw new ZipError(`its numbers are ${text}-endian, wanted little`);
  }
  const pickle = await readZipEntry(file, entries.get(pickleName)!);
  const views = flatten(readPickle(pickle, { globals: GLOBALS, persistent: storageOf }));
  const tensors: [string, HostTensor][] = [];
  for (const [name, view] of views) {
    if (!wanted(name)) continue;
    tensors.push([name, gather(view, await readStorage(file, view.storage, { entries, prefix }))]);
  }
  return Object.fromEntries(tensors);
}

async function readStorage(
  file: Deno.FsFile,
  { type, key, length }: Storage,
  { entries, prefix }: {
    readonly entries: ReadonlyMap<string, ZipEntry>;
    readonly prefix: string;
  },
): Promise<HostTensor["data"]> {
  const entry = entries.get(`${prefix}data/${key}`);
  if (entry === undefined) throw new ZipError(`storage ${key} is missing`);
  if (entry.bytes !== length * type.bytes) {
    throw new ZipError(
      `storage ${key} has ${entry.bytes} bytes, wanted ${length * type.bytes} for ${length} ` +
        `elements of ${type.name}`,
    );
  }
  return type.make((await readZipEntry(file, entry)).buffer);
}

/** How files start: zip archives, and the pickles that older versions of torch wrote without one. */
const ZIP_START = 0x04034b50, OLD_START = 0x0a8a0280;

async function startOf(path: string): Promise<number> {
  using file = await Deno.open(path);
  const start = new Uint8Array(4);
  await readFully(file, start);
  return new DataView(start.buffer).getUint32(0, true);
}

/** Whether a file starts as those do that torch has written, now or formerly. */
export async function isTorchFile(path: string): Promise<boolean> {
  return [ZIP_START, OLD_START].includes(await startOf(path));
}

/**
 * Reads tensors that `torch.save` has written. Nested dictionaries give dotted names, as `encoder.module.norm.weight`;
 * whatever is no tensor in them is left out. Tensors that `wanted` turns down are not loaded.
 *
 * @throws {Failure} `data`: it is damaged, or its pickle asks for more than tensors
 */
export async function readTorch(
  path: string,
  { wanted = () => true }: { readonly wanted?: (name: string) => boolean } = {},
): Promise<TensorRecord> {
  if (await startOf(path) === OLD_START) {
    throw new Failure(
      "data",
      `Cannot read "${path}": it is of a torch before 1.6, load and save it again with a newer one`,
    );
  }
  using file = await Deno.open(path);
  try {
    return await readTensors(file, wanted);
  } catch (error) {
    if (error instanceof PickleError) {
      throw new Failure(
        "data",
        `Cannot read "${path}": ${error.message}; only tensors in plain containers are read and nothing is ` +
          "executed, save the weights alone, as torch.save(model.state_dict(), path) does",
      );
    }
    if (!(error instanceof ZipError)) throw error;
    throw new Failure(
      "data",
      `Cannot read "${path}": ${error.message}, take another copy or save it again with torch.save`,
    );
  }
}
