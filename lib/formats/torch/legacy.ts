/**
 * Files that `torch.save` wrote before version 1.6: a pickled magic number, a version, a description of the machine, the
 * object, a list of storages; then these storages, each its number of elements (64 bits) and its bytes.
 */
import { readFully } from "../../files/mod.ts";
import type { TensorRecord } from "../../tensor.ts";
import { PickleEnd, PickleError } from "./cursor.ts";
import { LARGEST_PICKLE_BYTES, readPickle } from "./pickle.ts";
import { type Storage, storageOf, type StorageRef } from "./storages.ts";
import { loadTensors, tensorsIn, TORCH_WORLD, type Wanted } from "./tensors.ts";

/** 0x1950a86a20f9469cfc6c, as every protocol writes it. */
const MAGIC = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/** It follows the protocol and, from 4 on, a frame. */
const MAGIC_WITHIN = 11;
const VERSION = 1001;
const LENGTH_BYTES = 8;

/** Whether a file that begins so was written by a torch before 1.6. */
export function isLegacy(start: Uint8Array): boolean {
  return start[0] === 0x80 && Array.from({ length: MAGIC_WITHIN + 1 }, (_, at) => at)
    .some((at) => MAGIC.every((byte, i) => start[at + i] === byte));
}

/** How many bytes of a file are needed for {@link isLegacy}. */
export const LEGACY_START_BYTES = MAGIC_WITHIN + MAGIC.length;

/** The part before the storages. */
interface Head {
  readonly root: unknown;
  /** Keys of the storages in their order. */
  readonly keys: readonly unknown[];
  readonly storages: ReadonlyMap<string, Storage>;
  readonly end: number;
}

function readHead(bytes: Uint8Array): Head {
  const storages = new Map<string, Storage>();
  const world = {
    ...TORCH_WORLD,
    persistent(id: unknown): StorageRef {
      const ref = storageOf(id);
      storages.set(ref.storage.key, ref.storage);
      return ref;
    },
  };
  let end = 0;
  const next = (): unknown => {
    const { value, end: after } = readPickle(bytes, world, end);
    end = after;
    return value;
  };
  next(); // The magic number.
  const version = next(), machine = next();
  if (version !== VERSION) throw new PickleError(`it has version ${version}, wanted ${VERSION}`);
  if (machine instanceof Map && machine.get("little_endian") === false) {
    throw new PickleError("its numbers are big-endian");
  }
  const root = next(), keys = next();
  if (!Array.isArray(keys)) throw new PickleError("its pickle has no list of storages");
  return { root, keys, storages, end };
}

/** The head of a file, whose length is known only after parsing it. */
async function findHead(file: Deno.FsFile, size: number): Promise<Head> {
  for (let bytes = 1 << 20;; bytes *= 8) {
    const head = new Uint8Array(Math.min(bytes, size, LARGEST_PICKLE_BYTES));
    if (!await readFully(file, head, 0)) throw new PickleEnd();
    try {
      return readHead(head);
    } catch (error) {
      const more = head.length < Math.min(size, LARGEST_PICKLE_BYTES);
      if (!(error instanceof PickleEnd && more)) throw error;
    }
  }
}

/** Reads a file. @throws {PickleError} what is wrong, without the name of the file */
export async function readLegacy(file: Deno.FsFile, wanted: Wanted): Promise<TensorRecord> {
  const { size } = await file.stat();
  const { root, keys, storages, end } = await findHead(file, size);
  const places = new Map<string, number>();
  let at = end;
  for (const key of keys) {
    const storage = storages.get(key as string);
    if (storage === undefined) {
      throw new PickleError("it has a storage that its pickle does not name");
    }
    const { whole, type } = storage;
    const length = new Uint8Array(LENGTH_BYTES);
    const next = at + LENGTH_BYTES + whole * type.bytes;
    if (next > size || !await readFully(file, length, at)) {
      throw new PickleError(`it is cut short inside of storage ${storage.key}`);
    }
    const stated = Number(new DataView(length.buffer).getBigInt64(0, true));
    if (stated !== whole) {
      throw new PickleError(`storage ${storage.key} has ${stated} elements, wanted ${whole}`);
    }
    places.set(storage.key, at + LENGTH_BYTES);
    at = next;
  }
  return await loadTensors(tensorsIn(root), wanted, async ({ type, key, whole }: Storage) => {
    const place = places.get(key);
    if (place === undefined) throw new PickleError(`storage ${key} is missing`);
    // Pickles may give one storage several lengths; the file has that of the last.
    const known = storages.get(key)!;
    if (known.whole !== whole || known.type !== type) {
      throw new PickleError(`storage ${key} is of two kinds`);
    }
    const bytes = new Uint8Array(whole * type.bytes);
    if (!await readFully(file, bytes, place)) throw new PickleEnd();
    return bytes.buffer;
  });
}
