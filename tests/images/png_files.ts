import { deflateSync } from "node:zlib";
import { concatenated, latin1 } from "./jpeg_files.ts";

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(name: string, body: Uint8Array): Uint8Array {
  const bytes = concatenated([0, 0, 0, 0], latin1(name), body, [0, 0, 0, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(4, bytes.length - 4)));
  return bytes;
}

/** A grey PNG file. */
export interface GreyPng {
  /** What its header says, pixels. */
  readonly width: number;
  readonly height: number;
  /** @default 1 */
  readonly bits?: number;
  readonly interlaced?: boolean;
  /** Bytes of rows, all 0, that it has. @default few, whatever the header says */
  readonly rowBytes?: number;
}

/** A black PNG file, small whatever its size. */
export function blackPng(
  { width, height, bits = 1, interlaced = false, rowBytes = 1000 }: GreyPng,
): Uint8Array {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, bits);
  header.setUint8(12, interlaced ? 1 : 0);
  return concatenated(
    [0x89, ...latin1("PNG\r\n\x1a\n")],
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", deflateSync(new Uint8Array(rowBytes))),
    chunk("IEND", new Uint8Array()),
  );
}

/** A PNG file with a palette, of one row for each of `rows`. */
export interface PalettePng {
  readonly bits: 1 | 2 | 4 | 8;
  /** Red, green and blue of each colour. */
  readonly palette: readonly (readonly [number, number, number])[];
  /** Opacity of the first colours. */
  readonly alpha?: readonly number[];
  /** Numbers of colours, all rows of one length. */
  readonly rows: readonly (readonly number[])[];
}

/** A PNG file whose pixels have these numbers, whether there are such colours or not. */
export function palettePng({ bits, palette, alpha, rows }: PalettePng): Uint8Array {
  const width = rows[0]!.length;
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, rows.length);
  header.setUint8(8, bits);
  header.setUint8(9, 3);
  const packed = rows.flatMap((row) => {
    const bytes = new Uint8Array(Math.ceil(width * bits / 8));
    row.forEach((color, x) => bytes[x * bits >> 3]! |= color << 8 - bits - x * bits % 8);
    return [0, ...bytes];
  });
  return concatenated(
    [0x89, ...latin1("PNG\r\n\x1a\n")],
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("PLTE", Uint8Array.from(palette.flat())),
    ...alpha === undefined ? [] : [chunk("tRNS", Uint8Array.from(alpha))],
    chunk("IDAT", deflateSync(Uint8Array.from(packed))),
    chunk("IEND", new Uint8Array()),
  );
}
