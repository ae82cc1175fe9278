/** Files that `torch.save` writes since version 1.6: a zip archive with a pickle, and a member for each storage. */
import type { TensorRecord } from "../../tensor.ts";
import { LARGEST_PICKLE_BYTES, readPickle } from "./pickle.ts";
import type { Storage } from "./storages.ts";
import { loadTensors, tensorsIn, TORCH_WORLD, type Wanted } from "./tensors.ts";
import { listZip, readZipEntry, type ZipEntry, ZipError } from "./zip.ts";

/** Reads an archive. @throws {PickleError} @throws {ZipError} what is wrong, without the name of the file */
export async function readArchive(file: Deno.FsFile, wanted: Wanted): Promise<TensorRecord> {
  const entries = await listZip(file);
  const pickleName = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickleName === undefined) throw new ZipError("the archive has no data.pkl");
  const prefix = pickleName.slice(0, -"data.pkl".length);
  const order = entries.get(`${prefix}byteorder`);
  if (order !== undefined) await expectLittleEndian(file, order);
  const { bytes } = entries.get(pickleName)!;
  if (bytes > LARGEST_PICKLE_BYTES) {
    throw new ZipError(`its pickle has ${bytes} bytes, wanted at most ${LARGEST_PICKLE_BYTES}`);
  }
  const pickle = await readZipEntry(file, entries.get(pickleName)!);
  const views = tensorsIn(readPickle(pickle, TORCH_WORLD).value);
  return await loadTensors(views, wanted, async ({ type, key, whole }: Storage) => {
    const entry = entries.get(`${prefix}data/${key}`);
    if (entry === undefined) throw new ZipError(`storage ${key} is missing`);
    if (entry.bytes !== whole * type.bytes) {
      throw new ZipError(
        `storage ${key} has ${entry.bytes} bytes, wanted ${whole * type.bytes} for ${whole} ` +
          `elements of ${type.name}`,
      );
    }
    return (await readZipEntry(file, entry)).buffer;
  });
}

const LONGEST_ORDER_BYTES = 16;

async function expectLittleEndian(file: Deno.FsFile, entry: ZipEntry): Promise<void> {
  const text = entry.bytes > LONGEST_ORDER_BYTES
    ? "unknown"
    : new TextDecoder().decode(await readZipEntry(file, entry));
  if (text !== "little") throw new ZipError(`its numbers are ${text}-endian, wanted little`);
}
