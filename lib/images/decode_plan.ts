/**
 * The memory that decoding an image needs, from its header alone; and rejection of sample types that libvips would
 * misread.
 *
 * @module
 */
import sharp, { type Metadata } from "sharp";
import { DECODE_BYTES } from "./decode_budget.ts";
import { failureOf, notSupported, overLimit } from "./decode_failures.ts";
import type { ImageFormat } from "./image_format.ts";
import type { PlainJpeg } from "./jpeg/markers.ts";
import { countScans, MOST_SCANS, readFrameSize } from "./jpeg/segments.ts";
import { readTiffHeader, type TiffHeader } from "./tiff_header.ts";

/** How an image is decoded. */
export interface DecodePlan {
  /** Upper bound of the memory that decoding takes, the file included, bytes. */
  readonly bytes: number;
  /** Pixels of the image, from its header. */
  readonly pixels: number;
  /** Which picture of the file. */
  readonly page: number;
  /** The last band is neither colour nor alpha, and is dropped, as viewers do. */
  readonly dropsLastBand: boolean;
}

const RGB_BYTES = 3;
/** Memory of a decoder independent of the image size. */
const ALLOWANCE_BYTES = 2 ** 21;
/** Rows that libvips keeps while it goes through an image from top to bottom, in all its buffers together (measured). */
const KEPT_ROWS = 640;
/** More than any JPEG or PNG file takes: four bands of 16 bits, twice, and the result. */
const MOST_BYTES_PER_PIXEL = 2 * 8 + RGB_BYTES + 8;
/** Sides of small images, pixels. */
const SMALL_SIDE_PIXELS = 1024;
/** The longest side: tables for scaling grow with it. */
const MOST_SIDE_PIXELS = 2 ** 17;

const SAMPLES_WANTED =
  "wanted 8 or 16 bits without sign, scale them to 0..255 or 0..65535 and save them as PNG or TIFF";
const MOST_BANDS = 4;

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

/** Colour bands by the photometric interpretation of TIFF: grey twice, RGB, palette, CMYK, YCbCr. */
const TIFF_COLORS: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3 };
const TIFF_OTHER_COLORS: Readonly<Record<number, string>> = {
  4: "a mask",
  8: "CIELAB colours",
  9: "ICCLAB colours",
  10: "ITULAB colours",
  32803: "a colour filter array",
  32844: "LogL samples",
  32845: "LogLuv samples",
  34892: "linear raw samples",
};
const TIFF_FORMATS: Readonly<Record<number, string>> = {
  2: "signed integer",
  3: "float",
  5: "complex integer",
  6: "complex",
};
const PALETTE = 3, YCBCR = 6;
/** JPEG as TIFF 6.0 had it: its strip offsets are unreliable, the picture is found by other tags. */
const OLD_JPEG = 6;
/** Bytes of the file header, before any picture data. */
const TIFF_HEADER_BYTES = 8;
/** Compressions whose decoders turn YCbCr into RGB: JPEG of both kinds. libvips takes it for RGB in others. */
const YCBCR_COMPRESSIONS = [6, 7];
const WHOLE_BITS = [1, 2, 4, 8, 16];

/** Sample types, as sharp names them, that must not be converted to 8 bits. */
const OTHER_DEPTHS: Readonly<Record<string, string>> = {
  char: "8-bit signed integer",
  short: "16-bit signed integer",
  int: "32-bit signed integer",
  uint: "32-bit unsigned integer",
  float: "32-bit float",
  double: "64-bit float",
  complex: "complex",
  dpcomplex: "complex",
};

/** Pixels. */
interface Extent {
  readonly width: number;
  readonly height: number;
}

function expectSides({ width, height }: Extent, format: ImageFormat): void {
  if (Math.max(width, height) <= MOST_SIDE_PIXELS) return;
  const wanted = `wanted at most ${MOST_SIDE_PIXELS} on a side, cut it into pieces`;
  throw overLimit(format, `${width}x${height} pixels, ${wanted}`);
}

/** @throws {Failure} `data`: too long or wide, or bands or samples that libvips does not know or misreads */
function expectTiff(header: TiffHeader, format: ImageFormat): void {
  const { width, height, photometric, bitsPerSample, sampleFormat, samples } = header;
  const { compression, isPlanar } = header;
  expectSides({ width, height }, format);
  const kind = TIFF_FORMATS[sampleFormat];
  if (kind !== undefined || !WHOLE_BITS.includes(bitsPerSample)) {
    const name = `${bitsPerSample}-bit ${kind ?? "unsigned integer"}`;
    throw notSupported(format, `${name} samples, ${SAMPLES_WANTED}`);
  }
  if (samples > MOST_BANDS) {
    throw notSupported(format, `${samples} bands, wanted 1 to ${MOST_BANDS}`);
  }
  if (photometric === undefined) return;
  const colors = TIFF_COLORS[photometric];
  if (colors === undefined) {
    const what = TIFF_OTHER_COLORS[photometric] ?? `photometric interpretation ${photometric}`;
    throw notSupported(format, `${what}, wanted grey, RGB, palette, CMYK or YCbCr`);
  }
  if (samples < colors || samples > colors + 1) {
    throw notSupported(
      format,
      `bands: ${samples}, wanted ${colors} or, with alpha, ${colors + 1} for its kind of colours`,
    );
  }
  const colorValues = 3 * 2 ** bitsPerSample;
  if (photometric === PALETTE && header.colorValues !== colorValues) {
    throw failureOf(format, [
      `its table of colours has ${header.colorValues} values, wanted ${colorValues}`,
    ]);
  }
  const { dataAt = Infinity } = header;
  if (dataAt < TIFF_HEADER_BYTES && compression !== OLD_JPEG) {
    throw failureOf(format, [`a strip or tile begins at byte ${dataAt}`]);
  }
  if (photometric === YCBCR && (isPlanar || !YCBCR_COMPRESSIONS.includes(compression))) {
    const how = isPlanar ? "in planes" : "without JPEG compression";
    throw notSupported(format, `YCbCr colours ${how}, save it as RGB`);
  }
}

/** The metadata of an image before it is decoded. */
interface Header {
  readonly metadata: Metadata;
  /** Of a TIFF file whose directory can be read. */
  readonly tiff: TiffHeader | undefined;
  /** Of a JPEG file; 0 for others. */
  readonly scans: number;
}

/** Bytes of a pixel in memory, as the file has it. */
function pixelBytes({ channels, depth }: Metadata): number {
  return channels * (depth === "uchar" ? 1 : 2);
}

/** Bytes beside the result that the decoder of a format holds for each pixel of the image (measured, rounded up). */
function heldBytesPerPixel({ metadata, tiff, scans }: Header): number {
  const { format, channels, isProgressive, hasAlpha, depth } = metadata;
  switch (format) {
    case "jpeg":
      return isProgressive || scans > 1 ? 2 * channels : 0;
    case "png":
      return isProgressive ? pixelBytes(metadata) : 0;
    case "webp":
      return 8;
    case "gif":
      return 5;
    case "heif":
      return (depth === "uchar" ? 16 : 22) + (hasAlpha ? 6 : 0);
    default:
      return tiff?.isPlanar ? pixelBytes(metadata) : 0;
  }
}

/** Memory that decoding takes, bytes. */
function decodeBytes(header: Header): number {
  const { metadata: { width, height, orientation = 1 }, metadata, tiff } = header;
  // Rotating an image needs all of it in memory.
  const turned = orientation > 1 ? pixelBytes(metadata) : 0;
  const keptRows = Math.min(height, Math.max(KEPT_ROWS, tiff?.tileHeight ?? 0));
  const perPixel = RGB_BYTES + turned + heldBytesPerPixel(header);
  return perPixel * width * height + keptRows * width * pixelBytes(metadata);
}

/** Memory that decoding a plain JPEG file takes, bytes. */
export function plainJpegBytes({ size: { height, width }, scans }: PlainJpeg): number {
  return (scans > 1 ? 3 * RGB_BYTES : RGB_BYTES) * height * width;
}

/** Height and width at a fixed offset of the header, where libpng requires them too. */
function readPngSize(bytes: Uint8Array): Extent | undefined {
  if (bytes.length < 24) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/**
 * A plan for a small JPEG or PNG file, of which nothing but the size must be known: reading its header by sharp would
 * take as long as decoding it.
 */
export function planSmall(bytes: Uint8Array, format: ImageFormat): DecodePlan | undefined {
  const read = { jpg: readFrameSize, png: readPngSize }[format.extension];
  const size = read?.(bytes);
  if (size === undefined || Math.max(size.width, size.height) > SMALL_SIDE_PIXELS) return undefined;
  if (format.extension === "jpg" && countScans(bytes) > MOST_SCANS) return undefined;
  const pixels = size.width * size.height;
  const needed = ALLOWANCE_BYTES + bytes.length + MOST_BYTES_PER_PIXEL * pixels;
  return { bytes: needed, pixels, page: 0, dropsLastBand: false };
}

/**
 * Reads the header of an image.
 *
 * @throws {Failure} `data`: not supported, or over the limit, with the size and the limit
 * @throws {Error} of sharp: the header is damaged or unknown
 */
export async function planDecode(bytes: Uint8Array, format: ImageFormat): Promise<DecodePlan> {
  const tiff = format.extension === "tif" ? readTiffHeader(bytes) : undefined;
  if (tiff !== undefined) expectTiff(tiff, format);
  const page = tiff?.page ?? 0;
  const metadata = await sharp(bytes, { limitInputPixels: false, page }).metadata();
  const { width, height, channels, depth } = metadata;
  const samples = OTHER_DEPTHS[depth];
  if (samples !== undefined) throw notSupported(format, `${samples} samples, ${SAMPLES_WANTED}`);
  if (channels > MOST_BANDS) {
    throw notSupported(format, `${channels} bands, wanted 1 to ${MOST_BANDS}`);
  }
  expectSides(metadata, format);
  const scans = format.extension === "jpg" ? countScans(bytes) : 0;
  if (scans > MOST_SCANS) {
    throw overLimit(format, `${scans} scans, wanted at most ${MOST_SCANS}, save it again`);
  }
  const needed = ALLOWANCE_BYTES + bytes.length + decodeBytes({ metadata, tiff, scans });
  if (needed > DECODE_BYTES) {
    throw overLimit(
      format,
      `${width}x${height} pixels take ${megabytes(needed)} of memory to decode, wanted at most ` +
        `${megabytes(DECODE_BYTES)}, make it smaller`,
    );
  }
  const pixels = width * height;
  return { bytes: needed, pixels, page, dropsLastBand: tiff?.extraSample === 0 };
}
