/** Tar archives with reproducible bytes and known offsets. */
import { createTarPacker, type TarHeader } from "modern-tar";

/** Headers have one block, the data of a member whole blocks. */
export const BLOCK_BYTES = 512;

/** A file inside a tar archive. */
export interface TarMember {
  /** ASCII, at most 100 characters. */
  readonly name: string;
  readonly data: Uint8Array;
}

/** Members as bytes of an archive: headers, data and padding, without the end mark. */
export interface PackedMembers {
  /** To be written one after the other; large data of a member is not copied for it. */
  readonly parts: readonly Uint8Array[];
  /** Where the data of each member begins in the parts together. */
  readonly starts: readonly number[];
}

/** Smaller archives are one part. */
const LARGE_BYTES = 2 ** 20;

/** The two empty blocks that end an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

/**
 * Packs members so that equal members give equal bytes: plain ustar, mode 0644, owner 0, time 0. `modern-tar` encodes;
 * names are restricted to those without an extension header, so that offsets are known.
 *
 * @throws {RangeError} a name that is not plain ASCII of 1 to 100 characters
 */
export async function packMembers(members: readonly TarMember[]): Promise<PackedMembers> {
  const starts: number[] = [];
  let end = 0;
  for (const { name, data } of members) {
    if (!/^[\x21-\x7e]{1,100}$/.test(name)) {
      throw new RangeError(
        `Cannot pack: wanted a name of 1 to 100 ASCII characters, got "${name}"`,
      );
    }
    starts.push(end + BLOCK_BYTES);
    end += BLOCK_BYTES + paddedLength(data.length);
  }
  const parts = cutTo(end, await packedParts(members));
  return { parts: end < LARGE_BYTES ? [joined(parts)] : parts, starts };
}

const NAME_END = 100, SIZE_AT = 124, SIZE_END = 136, SUM_AT = 148, SUM_END = 156;
const TYPE_AT = 156, MAGIC_AT = 257, MAGIC_END = 262, PREFIX_AT = 345;
const SPACE = 0x20, PLAIN_FILE = 0x30;

/** Bytes that data of this length take in an archive. */
export function paddedLength(length: number): number {
  return Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
}

/**
 * Reads a header as {@link packMembers} writes it.
 *
 * @param block [512]
 * @returns `undefined`: no header, a damaged one, or one of anything but a plain file with a short name
 */
export function readHeader(
  block: Uint8Array,
): { readonly name: string; readonly length: number } | undefined {
  const text = (start: number, end: number) =>
    String.fromCharCode(...block.subarray(start, end)).replace(/\0.*$/s, "");
  const octal = (start: number, end: number) => Number.parseInt(text(start, end), 8);
  let sum = 0;
  block.forEach((byte, at) => sum += at >= SUM_AT && at < SUM_END ? SPACE : byte);
  const isPlain = block[TYPE_AT] === PLAIN_FILE && block[PREFIX_AT] === 0 &&
    text(MAGIC_AT, MAGIC_END) === "ustar";
  if (!isPlain || octal(SUM_AT, SUM_END) !== sum) return undefined;
  return { name: text(0, NAME_END), length: octal(SIZE_AT, SIZE_END) };
}

const EPOCH = new Date(0);

/** The archive with its end mark, from the packer. */
async function packedParts(members: readonly TarMember[]): Promise<readonly Uint8Array[]> {
  const { readable, controller } = createTarPacker();
  const parts = Array.fromAsync(readable);
  for (const { name, data } of members) {
    const owner = { uid: 0, gid: 0, mtime: EPOCH };
    const header: TarHeader = { name, size: data.length, type: "file", mode: 0o644, ...owner };
    const body = controller.add(header).getWriter();
    if (data.length > 0) await body.write(data);
    await body.close();
  }
  controller.finalize();
  return await parts;
}

/** The parts up to so many bytes. */
function cutTo(length: number, parts: readonly Uint8Array[]): readonly Uint8Array[] {
  let rest = length;
  const kept = parts.map((part) => {
    const taken = part.subarray(0, rest);
    rest -= taken.length;
    return taken;
  }).filter((part) => part.length > 0);
  if (rest > 0) throw new Error(`packed ${length - rest} bytes, expected ${length}`);
  return kept;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
}
