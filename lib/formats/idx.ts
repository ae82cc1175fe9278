/**
 * The IDX format of MNIST and its successors, reading only: two zero bytes, the type of the values (8 for unsigned
 * bytes), the number of axes, the length of each axis as big-endian uint32, then the values, the last axis fastest
 * (http://yann.lecun.com/exdb/mnist/).
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { Failure, messageOf } from "../failure.ts";
import { openInput, readFully } from "../files/mod.ts";

/** An array of unsigned bytes. */
export interface IdxArray {
  /** Length of each axis. */
  readonly shape: readonly number[];
  /** The values, the last axis fastest. */
  readonly data: Uint8Array;
}

/** Compressed or not: 1.3 million pictures of 28 x 28. */
const MOST_BYTES = 2 ** 30;
const UNSIGNED_BYTE = 0x08;
const TYPES: Readonly<Record<number, string>> = {
  0x09: "signed bytes",
  0x0b: "16-bit integers",
  0x0c: "32-bit integers",
  0x0d: "32-bit floats",
  0x0e: "64-bit floats",
};

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Reads the bytes of an IDX file. @throws {Error} what is wrong, without the name of the file */
function parseIdx(bytes: Uint8Array, axes: number): IdxArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0) {
    throw new Error("it does not begin as an IDX file does, check that it is one");
  }
  const [type, axesThere] = [bytes[2]!, bytes[3]!];
  if (type !== UNSIGNED_BYTE) {
    const got = TYPES[type] ?? `values of the unknown type ${type}`;
    throw new Error(`wanted unsigned bytes (type 8), got ${got}, convert it`);
  }
  if (axesThere !== axes) {
    throw new Error(
      `wanted ${axes === 1 ? "1 axis" : `${axes} axes`}, got ${axesThere}: images have 3 ` +
        "(count, rows, columns) and labels 1, check that the two files are not exchanged",
    );
  }
  const start = 4 + 4 * axes;
  if (bytes.length < start) throw new Error("it ends within its header, take another copy");
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const wanted = shape.reduce((product, length) => product * length, 1);
  const got = bytes.length - start;
  if (got !== wanted) {
    throw new Error(
      `wanted ${shape.join(" x ")} = ${wanted} values, got ${got}, take another copy`,
    );
  }
  return { shape, data: bytes.subarray(start) };
}

/**
 * Reads an IDX file of unsigned bytes, as it is or compressed by gzip.
 *
 * @param axes how many axes it must have
 * @throws {Failure} `missing`: it does not exist; `data`: it is damaged, too large, of another type or shape
 */
export async function readIdx(
  path: string,
  { axes, mostBytes = MOST_BYTES }: { readonly axes: number; readonly mostBytes?: number },
): Promise<IdxArray> {
  const refuse = (why: string, cause?: unknown) =>
    new Failure("data", `Cannot read "${path}": ${why}`, { cause });
  const tooLarge = `it has more than ${mostBytes} bytes, split it`;
  using file = await openInput(path);
  const { size } = await file.stat();
  if (size > mostBytes) throw refuse(tooLarge);
  let bytes: Uint8Array = new Uint8Array(size);
  await readFully(file, bytes);
  if (isGzip(bytes)) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: mostBytes });
    } catch (error) {
      if (error instanceof RangeError) throw refuse(tooLarge, error);
      throw refuse(`its gzip stream is damaged (${messageOf(error)}), take another copy`, error);
    }
  }
  try {
    return parseIdx(bytes, axes);
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
}
