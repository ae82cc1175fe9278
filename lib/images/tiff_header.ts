/**
 * Sample types in the directories of a TIFF file: libtiff and libvips misread types that they do not know, without a
 * warning. TIFF 6.0, sections 2 and 8; BigTIFF.
 *
 * @module
 */

/** One picture of a TIFF file. Numbers as in the file, with the defaults of the standard. */
export interface TiffHeader {
  /** Which of the pictures in the file, from 0. */
  readonly page: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly photometric: number | undefined;
  readonly compression: number;
  readonly bitsPerSample: number;
  /** 1: without sign, 2: with sign, 3: float, 4: unknown, 5 and 6: complex. */
  readonly sampleFormat: number;
  readonly samples: number;
  /** What the first sample beyond the colours is: 0 unknown, 1 and 2 alpha. */
  readonly extraSample: number | undefined;
  /** Colours are in separate planes. */
  readonly isPlanar: boolean;
  /** Rows of a tile, pixels; 0 in a file of strips. */
  readonly tileHeight: number;
  /** Values in the table of colours, red, green and blue together; 0 without one. */
  readonly colorValues: number;
  /** Where the first of its strips or tiles begins, bytes; `undefined` where that cannot be read. */
  readonly dataAt: number | undefined;
}

const SUBFILE_TYPE = 254, WIDTH = 256, HEIGHT = 257, BITS = 258, COMPRESSION = 259;
const PHOTOMETRIC = 262, SAMPLES = 277, PLANAR = 284, TILE_HEIGHT = 323;
const EXTRA_SAMPLES = 338, SAMPLE_FORMAT = 339;
const STRIP_OFFSETS = 273, TILE_OFFSETS = 324, COLOR_MAP = 320;

/** The tags that are read; others may have invalid offsets. */
const TAGS = new Set([
  ...[SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC],
  ...[SAMPLES, PLANAR, TILE_HEIGHT, EXTRA_SAMPLES, SAMPLE_FORMAT],
]);
/** Tags of which more than the first number is read. */
const LISTS = new Set([STRIP_OFFSETS, TILE_OFFSETS, COLOR_MAP]);

/** Bits of the subfile type: a smaller copy of another picture, a mask for another picture. */
const NOT_A_PICTURE = 1 | 4;

/** Directories that are read; a file may have any number, and they may form a cycle. */
const MOST_DIRECTORIES = 64;

const BYTES_OF_TYPE: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 16: 8 };

/** Reads numbers of one of the four flavours; outside of the file, `RangeError`. */
class Reader {
  readonly isBig: boolean;
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#little = bytes[0] === 0x49;
    this.isBig = this.number(2, 2) === 43;
  }

  number(at: number, bytes: number): number {
    switch (bytes) {
      case 1:
        return this.#view.getUint8(at);
      case 2:
        return this.#view.getUint16(at, this.#little);
      case 4:
        return this.#view.getUint32(at, this.#little);
      default:
        return Number(this.#view.getBigUint64(at, this.#little));
    }
  }
}

/** Location of the numbers of a tag. */
interface List {
  readonly place: number;
  readonly bytes: number;
  readonly length: number;
}

/** The tags of a directory: the first number of each, and the lists. */
interface Directory {
  readonly values: ReadonlyMap<number, number>;
  readonly lists: ReadonlyMap<number, List>;
  /** Where the next directory is: 0, nowhere. */
  readonly next: number;
}

function readDirectory(reader: Reader, at: number): Directory {
  const wide = reader.isBig ? 8 : 4;
  const count = reader.number(at, reader.isBig ? 8 : 2);
  const first = at + (reader.isBig ? 8 : 2), entryBytes = 4 + 2 * wide;
  const values = new Map<number, number>(), lists = new Map<number, List>();
  for (let i = 0; i < Math.min(count, 0xffff); i++) {
    const entry = first + i * entryBytes, tag = reader.number(entry, 2);
    if (!TAGS.has(tag) && !LISTS.has(tag)) continue;
    const bytes = BYTES_OF_TYPE[reader.number(entry + 2, 2)];
    const length = reader.number(entry + 4, wide);
    if (bytes === undefined || length === 0) continue;
    const inline = entry + 4 + wide;
    const place = bytes * length <= wide ? inline : reader.number(inline, wide);
    if (LISTS.has(tag)) lists.set(tag, { place, bytes, length });
    else values.set(tag, reader.number(place, bytes));
  }
  return { values, lists, next: reader.number(first + count * entryBytes, wide) };
}

/** More strips or tiles than pictures within the limits have. */
const MOST_PARTS = 2 ** 20;

/** The smallest number of a list inside the file; `undefined` for any other list. */
function smallest(reader: Reader, { place, bytes, length }: List): number | undefined {
  if (length > MOST_PARTS) return undefined;
  try {
    let least = Infinity;
    for (let i = 0; i < length; i++) {
      least = Math.min(least, reader.number(place + i * bytes, bytes));
    }
    return least;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

function headerOf(
  reader: Reader,
  { values, lists, page }: Directory & { readonly page: number },
): TiffHeader {
  const offsets = lists.get(STRIP_OFFSETS) ?? lists.get(TILE_OFFSETS);
  return {
    page,
    width: values.get(WIDTH) ?? 0,
    height: values.get(HEIGHT) ?? 0,
    photometric: values.get(PHOTOMETRIC),
    compression: values.get(COMPRESSION) ?? 1,
    bitsPerSample: values.get(BITS) ?? 1,
    sampleFormat: values.get(SAMPLE_FORMAT) ?? 1,
    samples: values.get(SAMPLES) ?? 1,
    extraSample: values.get(EXTRA_SAMPLES),
    isPlanar: values.get(PLANAR) === 2,
    tileHeight: values.get(TILE_HEIGHT) ?? 0,
    colorValues: lists.get(COLOR_MAP)?.length ?? 0,
    dataAt: offsets && smallest(reader, offsets),
  };
}

/**
 * The first picture of a TIFF file that is neither a thumbnail nor a mask, or else the very first.
 *
 * @returns `undefined`: the file ends before its first directory does
 */
export function readTiffHeader(bytes: Uint8Array): TiffHeader | undefined {
  let header: TiffHeader | undefined;
  try {
    const reader = new Reader(bytes);
    let at = reader.isBig ? reader.number(8, 8) : reader.number(4, 4);
    for (let page = 0; page < MOST_DIRECTORIES && at !== 0; page++) {
      const directory = readDirectory(reader, at), { values, next } = directory;
      const isPicture = ((values.get(SUBFILE_TYPE) ?? 0) & NOT_A_PICTURE) === 0;
      if (isPicture) return headerOf(reader, { ...directory, page });
      header ??= headerOf(reader, { ...directory, page });
      at = next;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return header;
}
