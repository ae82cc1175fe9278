import { packTar } from "modern-tar";

const BLOCK_BYTES = 512;

/** A file inside a tar archive. */
export interface TarMember {
  /** ASCII, at most 100 characters. */
  readonly name: string;
  readonly data: Uint8Array;
}

/** Members as they lie in an archive: headers, data and padding, without the end mark. */
export interface PackedMembers {
  readonly bytes: Uint8Array;
  /** Where the data of each member begins in `bytes`. */
  readonly starts: readonly number[];
}

/** The two empty blocks that end an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

/**
 * Packs members so that equal members give equal bytes: plain ustar, mode 0644, owner 0, time 0. Encoding is
 * left to `modern-tar`; the names are held to what needs no extension header, so that places can be told.
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
    end += BLOCK_BYTES + Math.ceil(data.length / BLOCK_BYTES) * BLOCK_BYTES;
  }
  const archive = await packTar(members.map(({ name, data }) => ({
    header: { name, size: data.length, type: "file", mode: 0o644, uid: 0, gid: 0, mtime: EPOCH },
    body: data,
  })));
  if (archive.length < end) throw new Error(`packed ${archive.length} bytes, expected ${end}`);
  return { bytes: archive.subarray(0, end), starts };
}

const EPOCH = new Date(0);
