/** Uncompressed zip archives, reading only. */
import { crc32 } from "node:zlib";
import { readFully } from "../../files/mod.ts";

/** Position of an uncompressed member. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  /** Checksum in the directory. */
  readonly crc: number;
  /** Where its local header starts. */
  readonly header: number;
}

/** Thrown for an invalid archive; the caller adds the name of the file. */
export class ZipError extends Error {}

const END = 0x06054b50, END_BYTES = 22;
const END64 = 0x06064b50, END64_BYTES = 56;
const LOCATOR64 = 0x07064b50, LOCATOR64_BYTES = 20;
const MEMBER = 0x02014b50, MEMBER_BYTES = 46;
const LOCAL = 0x04034b50, LOCAL_BYTES = 30;
const LONGEST_COMMENT = 0xffff;
/** In place of a number that is in the zip64 field. */
const ELSEWHERE = 0xffffffff, ELSEWHERE_SHORT = 0xffff;
const ZIP64_FIELD = 1;
const STORED = 0;
const ENCRYPTED = 1;
/** Room for 200,000 members. */
const LARGEST_DIRECTORY_BYTES = 1 << 24;

async function readAt(
  file: Deno.FsFile,
  start: number,
  bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await file.stat();
  if (start < 0 || bytes < 0 || start + bytes > size) throw new ZipError("it is cut short");
  const taken = new Uint8Array(bytes);
  if (!await readFully(file, taken, start)) throw new ZipError("it is cut short");
  return taken;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Position of the directory of members: from the end of the file, through zip64 if present. */
async function findDirectory(
  file: Deno.FsFile,
): Promise<{ readonly start: number; readonly bytes: number; readonly members: number }> {
  const { size } = await file.stat();
  const tailStart = Math.max(0, size - END_BYTES - LONGEST_COMMENT);
  const tail = viewOf(await readAt(file, tailStart, size - tailStart));
  let at = tail.byteLength - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) {
    throw new ZipError("it is cut short: the directory at the end of the archive is missing");
  }
  const locatorAt = tailStart + at - LOCATOR64_BYTES;
  if (locatorAt >= 0) {
    const locator = viewOf(await readAt(file, locatorAt, LOCATOR64_BYTES));
    if (locator.getUint32(0, true) === LOCATOR64) {
      const end = viewOf(await readAt(file, Number(locator.getBigUint64(8, true)), END64_BYTES));
      if (end.getUint32(0, true) !== END64) throw new ZipError("its zip64 directory is damaged");
      return {
        members: Number(end.getBigUint64(32, true)),
        bytes: Number(end.getBigUint64(40, true)),
        start: Number(end.getBigUint64(48, true)),
      };
    }
  }
  return {
    members: tail.getUint16(at + 10, true),
    bytes: tail.getUint32(at + 12, true),
    start: tail.getUint32(at + 16, true),
  };
}

/** The 64-bit values of an extra field, in the order in which they replace others. */
function zip64Values(extra: Uint8Array): bigint[] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length;) {
    const bytes = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === ZIP64_FIELD && at + 4 + bytes <= extra.length) {
      return Array.from(
        { length: Math.floor(bytes / 8) },
        (_, i) => view.getBigUint64(at + 4 + 8 * i, true),
      );
    }
    at += 4 + bytes;
  }
  return [];
}

/** One member of the directory, and where the next one starts. */
function readMember(directory: Uint8Array, at: number): readonly [ZipEntry, next: number] {
  if (at + MEMBER_BYTES > directory.length) throw new ZipError("its directory is cut short");
  const view = viewOf(directory.subarray(at));
  if (view.getUint32(0, true) !== MEMBER) throw new ZipError("its directory is damaged");
  const nameBytes = view.getUint16(28, true), extraBytes = view.getUint16(30, true);
  const extraAt = at + MEMBER_BYTES + nameBytes;
  const next = extraAt + extraBytes + view.getUint16(32, true);
  if (next > directory.length) throw new ZipError("its directory is cut short");
  const name = new TextDecoder().decode(directory.subarray(at + MEMBER_BYTES, extraAt));
  const long = zip64Values(directory.subarray(extraAt, extraAt + extraBytes));
  const count = (value: number): number => {
    if (value !== ELSEWHERE) return value;
    const [first] = long.splice(0, 1);
    if (first === undefined) throw new ZipError(`member "${name}" has no size`);
    return Number(first);
  };
  const bytes = count(view.getUint32(24, true)), packed = count(view.getUint32(20, true));
  const header = count(view.getUint32(42, true));
  if (view.getUint16(8, true) & ENCRYPTED) throw new ZipError(`member "${name}" is encrypted`);
  if (view.getUint16(10, true) !== STORED || bytes !== packed) {
    throw new ZipError(`member "${name}" is compressed, wanted stored as torch.save does`);
  }
  return [{ name, bytes, crc: view.getUint32(16, true), header }, next];
}

/**
 * The members of a zip archive, by name. Sizes come from the directory at the end, so data descriptors do not matter.
 *
 * @throws {ZipError} what is wrong, without the name of the file
 */
export async function listZip(file: Deno.FsFile): Promise<ReadonlyMap<string, ZipEntry>> {
  const { start, bytes, members } = await findDirectory(file);
  if (bytes > LARGEST_DIRECTORY_BYTES) throw new ZipError(`its directory has ${bytes} bytes`);
  const directory = await readAt(file, start, bytes);
  const entries = new Map<string, ZipEntry>();
  let held = 0;
  for (let at = 0; at < directory.length;) {
    const [entry, next] = readMember(directory, at);
    if (entries.has(entry.name)) throw new ZipError(`member "${entry.name}" is there twice`);
    entries.set(entry.name, entry);
    held += entry.bytes;
    at = next;
  }
  if (entries.size !== members && members !== ELSEWHERE_SHORT) {
    throw new ZipError(`its directory announces ${members} members and lists ${entries.size}`);
  }
  // Overlapping members could expand to huge data.
  const { size } = await file.stat();
  if (held > size) throw new ZipError(`its members announce ${held} bytes in a file of ${size}`);
  return entries;
}

/** The bytes of a member, compared with its checksum. @throws {ZipError} cut short or damaged */
export async function readZipEntry(
  file: Deno.FsFile,
  { name, bytes, crc, header }: ZipEntry,
): Promise<Uint8Array<ArrayBuffer>> {
  const local = viewOf(await readAt(file, header, LOCAL_BYTES));
  if (local.getUint32(0, true) !== LOCAL) throw new ZipError(`member "${name}" has no header`);
  const start = header + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  const data = await readAt(file, start, bytes);
  if (crc32(data) !== crc) throw new ZipError(`member "${name}" does not have its checksum`);
  return data;
}
