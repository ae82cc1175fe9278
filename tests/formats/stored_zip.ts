import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** A zip archive of uncompressed members, with 64-bit sizes if asked for. */
export function storedZip(
  members: Readonly<Record<string, Uint8Array>>,
  { zip64 = false, method = 0 }: { readonly zip64?: boolean; readonly method?: number } = {},
): Uint8Array<ArrayBuffer> {
  const parts: Buffer[] = [], directory: Buffer[] = [];
  let at = 0;
  for (const [name, data] of Object.entries(members)) {
    const text = Buffer.from(name);
    // Sizes of the local header are in a descriptor behind the data: only the directory may be trusted.
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 6);
    local.writeUInt16LE(text.length, 26);
    const descriptor = Buffer.alloc(16);
    descriptor.writeUInt32LE(0x08074b50, 0);
    const member = Buffer.alloc(46), extra = Buffer.alloc(zip64 ? 28 : 0);
    member.writeUInt32LE(0x02014b50, 0);
    member.writeUInt16LE(8, 8);
    member.writeUInt16LE(method, 10);
    member.writeUInt32LE(crc32(data), 16);
    member.writeUInt32LE(zip64 ? 0xffffffff : data.length, 20);
    member.writeUInt32LE(zip64 ? 0xffffffff : data.length, 24);
    member.writeUInt16LE(text.length, 28);
    member.writeUInt16LE(extra.length, 30);
    member.writeUInt32LE(zip64 ? 0xffffffff : at, 42);
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      [data.length, data.length, at].forEach((n, i) =>
        extra.writeBigUInt64LE(BigInt(n), 4 + 8 * i)
      );
    }
    directory.push(member, text, extra);
    const body = [local, text, Buffer.from(data), descriptor];
    parts.push(...body);
    at += body.reduce((sum, part) => sum + part.length, 0);
  }
  const listed = Buffer.concat(directory), count = Object.keys(members).length;
  const end64 = Buffer.alloc(zip64 ? 76 : 0), end = Buffer.alloc(22);
  if (zip64) {
    end64.writeUInt32LE(0x06064b50, 0);
    [count, count, listed.length, at].forEach((n, i) =>
      end64.writeBigUInt64LE(BigInt(n), 24 + 8 * i)
    );
    end64.writeUInt32LE(0x07064b50, 56);
    end64.writeBigUInt64LE(BigInt(at + listed.length), 64);
  }
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : count, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : listed.length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : at, 16);
  return new Uint8Array(Buffer.concat([...parts, listed, end64, end]));
}
