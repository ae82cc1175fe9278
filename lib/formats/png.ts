/**
 * PNG at its plainest (W3C PNG: 8-bit grey or RGB, no interlacing, one chunk of data, nothing that changes colours),
 * without the set-up of a full decoder, which takes most of its time for small pictures.
 *
 * @module
 */
import { crc32, deflateSync, inflateSync } from "node:zlib";

/** Pixels in rows from the top, channels fastest. */
export interface PlainPicture {
  readonly height: number;
  readonly width: number;
  /** Grey or red, green, blue. */
  readonly channels: 1 | 3;
  /** [height width channels] */
  readonly data: Uint8Array;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const HEADER = "IHDR", DATA = "IDAT", END = "IEND";
/** Pixels per metre. */
const WITHOUT_EFFECT = "pHYs";
const HEADER_BYTES = 13;
/** Length, name and checksum. */
const CHUNK_BYTES = 12;
/** Colour types of the header. */
const CHANNELS: Readonly<Record<number, 1 | 3>> = { 0: 1, 2: 3 };
const DEPTH = 8;

function chunk(name: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHUNK_BYTES + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

/** A PNG file of a picture; rows are not filtered, which suits small ones. */
export function encodePng(
  { height, width, channels, data }: PlainPicture,
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([DEPTH, channels === 1 ? 0 : 2], 8);
  const row = width * channels, lines = new Uint8Array(height * (1 + row));
  for (let y = 0; y < height; y++) {
    lines.set(data.subarray(y * row, (y + 1) * row), y * (1 + row) + 1);
  }
  const parts = [
    SIGNATURE,
    chunk(HEADER, header),
    chunk(DATA, deflateSync(lines)),
    chunk(END, new Uint8Array(0)),
  ];
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const part of parts) {
    file.set(part, place);
    place += part.length;
  }
  return file;
}

interface Chunk {
  readonly name: string;
  readonly content: Uint8Array;
}

/** All chunks; `undefined` on wrong lengths or checksums, or trailing bytes. */
function readChunks(bytes: Uint8Array): Chunk[] | undefined {
  if (bytes.length < 8 || SIGNATURE.some((value, i) => bytes[i] !== value)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let place = 8; place < bytes.length;) {
    if (place + CHUNK_BYTES > bytes.length) return undefined;
    const end = place + 8 + view.getUint32(place);
    if (end + 4 > bytes.length) return undefined;
    const named = bytes.subarray(place + 4, end);
    if (crc32(named) !== view.getUint32(end)) return undefined;
    chunks.push({
      name: String.fromCharCode(...named.subarray(0, 4)),
      content: named.subarray(4),
    });
    place = end + 4;
  }
  return chunks;
}

/** The checksum at the end of a zlib stream (RFC 1950). */
function adler32(bytes: Uint8Array): number {
  let a = 1, b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}

/** Decompresses; `undefined` if the number of bytes differs, or bytes follow the stream. */
function inflate(stream: Uint8Array, length: number): Uint8Array | undefined {
  let bytes: Uint8Array;
  try {
    bytes = inflateSync(stream, { maxOutputLength: length });
  } catch {
    return undefined;
  }
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const ends = bytes.length === length && view.getUint32(stream.length - 4) === adler32(bytes);
  return ends ? bytes : undefined;
}

/** Undoes the filter of each row (PNG, section 9). @returns whether all filters are known */
function unfilter(lines: Uint8Array, { height, width, channels, data }: PlainPicture): boolean {
  const row = width * channels;
  for (let y = 0, place = 0; y < height; y++) {
    const filter = lines[y * (1 + row)]!;
    if (filter > 4) return false;
    for (let x = 0, at = y * (1 + row) + 1; x < row; x++, place++, at++) {
      const left = x < channels ? 0 : data[place - channels]!;
      const up = y === 0 ? 0 : data[place - row]!;
      const corner = x < channels || y === 0 ? 0 : data[place - row - channels]!;
      data[place] = lines[at]! + predicted(filter, { left, up, corner });
    }
  }
  return true;
}

function predicted(
  filter: number,
  { left, up, corner }: { readonly left: number; readonly up: number; readonly corner: number },
): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    default: {
      const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), left + up - 2 * corner];
      const far = Math.abs(c);
      return a <= b && a <= far ? left : b <= far ? up : corner;
    }
  }
}

/**
 * Decodes a plain PNG file.
 *
 * @param mostPixels larger ones are not decoded
 * @returns `undefined`: not plain, larger, or damaged in any way
 */
export function decodePlainPng(bytes: Uint8Array, mostPixels: number): PlainPicture | undefined {
  const [header, ...others] = readChunks(bytes) ?? [];
  if (header?.name !== HEADER || header.content.length !== HEADER_BYTES) return undefined;
  const view = new DataView(header.content.buffer, header.content.byteOffset, HEADER_BYTES);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, color, compression, filter, interlace] = header.content.subarray(8);
  const channels = CHANNELS[color!];
  if (channels === undefined || depth !== DEPTH || compression || filter || interlace) {
    return undefined;
  }
  if (width < 1 || height < 1 || width * height > mostPixels) return undefined;
  const [data, end, ...more] = others.filter(({ name }) => name !== WITHOUT_EFFECT);
  if (data?.name !== DATA || end?.name !== END || end.content.length + more.length > 0) {
    return undefined;
  }
  const lines = inflate(data.content, height * (1 + width * channels));
  if (lines === undefined) return undefined;
  const picture = { height, width, channels, data: new Uint8Array(height * width * channels) };
  return unfilter(lines, picture) ? picture : undefined;
}
