/** TIFF files of any kind of samples, written by hand. */

/** Tags beside those that every file has, and other values for these; `undefined` leaves one out. */
export type TiffTags = Readonly<Record<number, readonly number[] | undefined>>;

export const SUBFILE_TYPE = 254, WIDTH = 256, HEIGHT = 257, BITS = 258, COMPRESSION = 259;
export const PHOTOMETRIC = 262, STRIP_OFFSETS = 273, ORIENTATION = 274, SAMPLES = 277;
export const ROWS_PER_STRIP = 278, STRIP_BYTES = 279, PLANAR = 284, COLOR_MAP = 320;
export const EXTRA_SAMPLES = 338, SAMPLE_FORMAT = 339;

/** One picture of a file. */
export interface TiffPicture {
  readonly width: number;
  readonly height: number;
  /** The strips as they lie in the file; with more than one, `tags` has their lengths. */
  readonly data: Uint8Array;
  readonly tags?: TiffTags;
}

const SHORT = 3, LONG = 4;
const HEADER_BYTES = 8;

/** One directory, with long values and the strip behind it; `at` is its place in the file. */
function directory({ width, height, data, tags = {} }: TiffPicture, at: number, isLast: boolean) {
  const all: Record<number, readonly number[] | undefined> = {
    [WIDTH]: [width],
    [HEIGHT]: [height],
    [BITS]: [8],
    [COMPRESSION]: [1],
    [PHOTOMETRIC]: [1],
    [SAMPLES]: [1],
    [ROWS_PER_STRIP]: [height],
    [STRIP_BYTES]: [data.length],
    ...tags,
  };
  const stripBytes = all[STRIP_BYTES]!;
  all[STRIP_OFFSETS] = stripBytes.map((_, i) => stripBytes.slice(0, i).reduce((a, b) => a + b, 0));
  const entries = Object.entries(all).filter((entry) => entry[1] !== undefined)
    .map(([tag, values]) => ({ tag: Number(tag), values: values! }));
  const typeOf = ({ tag }: { tag: number }) => (tag < BITS || tag === STRIP_OFFSETS ||
      tag === ROWS_PER_STRIP || tag === STRIP_BYTES || tag === SUBFILE_TYPE
    ? LONG
    : SHORT);
  const sizeOf = (entry: (typeof entries)[number]) =>
    (typeOf(entry) === LONG ? 4 : 2) * entry.values.length;
  const fixed = 2 + 12 * entries.length + 4;
  const long = entries.map((
    entry,
  ) => (sizeOf(entry) > 4 ? sizeOf(entry) + (sizeOf(entry) & 1) : 0));
  const dataAt = fixed + long.reduce((a, b) => a + b, 0);
  const total = dataAt + data.length + (data.length & 1);
  const bytes = new Uint8Array(total), view = new DataView(bytes.buffer);
  view.setUint16(0, entries.length, true);
  let far = fixed;
  entries.forEach((entry, i) => {
    const { tag } = entry, place = 2 + 12 * i, type = typeOf(entry);
    const values = tag === STRIP_OFFSETS
      ? entry.values.map((from) => at + dataAt + from)
      : entry.values;
    view.setUint16(place, tag, true);
    view.setUint16(place + 2, type, true);
    view.setUint32(place + 4, values.length, true);
    let to = place + 8;
    if (long[i]! > 0) {
      view.setUint32(to, at + far, true);
      to = far;
      far += long[i]!;
    }
    values.forEach((value, k) => {
      if (type === LONG) view.setUint32(to + 4 * k, value, true);
      else view.setUint16(to + 2 * k, value, true);
    });
  });
  view.setUint32(fixed - 4, isLast ? 0 : at + total, true);
  bytes.set(data, dataAt);
  return bytes;
}

/** A little-endian TIFF file with these pictures. */
export function tiffFile(...pictures: readonly TiffPicture[]): Uint8Array {
  const parts = [Uint8Array.of(0x49, 0x49, 42, 0, HEADER_BYTES, 0, 0, 0)];
  let at = HEADER_BYTES;
  pictures.forEach((picture, i) => {
    const part = directory(picture, at, i === pictures.length - 1);
    parts.push(part);
    at += part.length;
  });
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** 16-bit numbers as bytes. */
export function shorts(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value & 255, value >> 8]));
}

const TILE_WIDTH = 322,
  TILE_TAGS: Readonly<Record<number, number>> = {
    [STRIP_OFFSETS]: 324,
    [ROWS_PER_STRIP]: 323,
    [STRIP_BYTES]: 325,
  };

/** A grey file of tiles, 16 x 16 pixels each; `tileBytes`, the length that it says of each, may be another. */
export function tiledFile(
  { width, height, data }: TiffPicture,
  tileBytes: readonly number[],
): Uint8Array {
  const tags = { [ROWS_PER_STRIP]: [16], [STRIP_BYTES]: tileBytes, [TILE_WIDTH]: [16] };
  const file = tiffFile({ width, height, data, tags });
  const view = new DataView(file.buffer);
  for (
    let at = HEADER_BYTES + 2;
    at < HEADER_BYTES + 2 + 12 * view.getUint16(HEADER_BYTES, true);
  ) {
    const tag = view.getUint16(at, true);
    view.setUint16(at, TILE_TAGS[tag] ?? tag, true);
    at += 12;
  }
  return file;
}
