/**
 * Classifies messages of libvips and the libraries below it: harmless, damaged, not supported, or over a limit.
 *
 * @module
 */
import { Failure } from "../failure.ts";
import type { ImageFormat } from "./image_format.ts";

/** Lines without information. */
const EMPTY =
  /^(Unknown error|Input buffer has corrupt header:|Warning treated as error .*|error in tile .*|tiff2vips: read error)$/;

/** Lines of libjpeg; it reports only the first of its warnings, and their number. */
const IS_JPEG = /^VipsJpeg: /, JPEG_WARNINGS = /^read gave (\d+) warnings$/;
/** Bytes after the last block: nothing is missing before them. */
const HARMLESS_IN_JPEG = /extraneous bytes before marker 0xd9/;

/** An error of libtiff, which libvips ignores when set to be lenient: what could not be read is black then. */
const TIFF_ERROR = /^tiff2vips: /;
/** Warnings that are about pixels, of the codecs in libtiff; the others are about tags that no picture depends on. */
const HARMFUL_WARNING =
  /corrupt|Premature|Line length mismatch|Please check result|Bad code word|avoid buffer overrun|lack of data|Not enough data|IO error|not read|"(Strip|Tile)(Offsets|ByteCounts)"; tag ignored|strip\/tile size/i;

const NOT_SUPPORTED =
  /not (configured|implemented|supported)|unsupported (?!image format)|no known route|samples out of range|not a whole number of bytes/i;
/** Any other marker than that of JPEG-LS comes from damage. */
const DAMAGED_MARKER = /Unsupported marker type 0x(?!f7)/;
const COMPRESSION = /(\w+) compression support is not configured|Compression scheme (\d+)/;
const OVER_LIMIT =
  /(pixel|security) limit|too (large|big|wide)|out of memory|Maximum supported|bad image dimensions|size out of range|width\/height out of range/i;

/** Numbers of TIFF compressions that libtiff has no decoder for, or none here. */
const COMPRESSION_NAMES: Readonly<Record<string, string>> = {
  33003: "JPEG 2000",
  33005: "JPEG 2000",
  34712: "JPEG 2000",
  34887: "LERC",
  34892: "lossy JPEG of DNG",
  34925: "LZMA",
  34933: "PNG",
  50000: "ZSTD",
  50002: "JPEG XL",
  52546: "JPEG XL",
};

/** The lines of a message of libvips, each once. */
export function linesOf(text: string): readonly string[] {
  const lines = text.split("\n")
    .map((line) => line.trim().replace(/^Input buffer has corrupt header: /, ""))
    .filter(Boolean);
  const essential = lines.filter((line) => !line.startsWith("source: bad seek"));
  return [...new Set(essential.length > 0 ? essential : lines)];
}

/**
 * Whether the messages about an image that decodes are harmless: all its pixels are correct.
 *
 * @param lines why a decoder that fails on the first warning fails, and the warnings of one that goes on
 */
export function areHarmless(lines: readonly string[]): boolean {
  // The number of libjpeg's warnings may arrive too late: then there may be others after the first.
  const isOnlyOne = lines.some((line) => JPEG_WARNINGS.exec(line)?.[1] === "1");
  return lines.every((line) => {
    if (TIFF_ERROR.test(line)) return false;
    if (EMPTY.test(line)) return true;
    if (JPEG_WARNINGS.test(line)) return isOnlyOne;
    if (IS_JPEG.test(line)) return isOnlyOne && HARMLESS_IN_JPEG.test(line);
    return !HARMFUL_WARNING.test(line);
  });
}

/** An image of a kind that is not decoded; `what` names the kind and what to do. */
export function notSupported(format: ImageFormat, what: string): Failure {
  return new Failure("data", `Cannot decode: the ${format.name} is not supported: ${what}`);
}

/** An image that takes too much; `what` says how much, the limit, and what to do. */
export function overLimit(format: ImageFormat, what: string): Failure {
  return new Failure("data", `Cannot decode: the ${format.name} is over the limit: ${what}`);
}

/** The failure that the lines of a decoder mean. */
export function failureOf(format: ImageFormat, lines: readonly string[]): Failure {
  const essential = lines.filter((line) => !JPEG_WARNINGS.test(line) && !EMPTY.test(line));
  const compression = essential.map((line) => COMPRESSION.exec(line)).find((found) =>
    found !== null
  );
  if (compression !== undefined) {
    const [, name, number] = compression;
    const shown = name ?? COMPRESSION_NAMES[number!] ?? `number ${number}`;
    return notSupported(
      format,
      `${shown}, a compression that is not supported, save it with LZW, Deflate or none`,
    );
  }
  const shown = essential.slice(0, 2).join("; ");
  const isOf = (kind: RegExp) => essential.some((line) => kind.test(line));
  if (isOf(NOT_SUPPORTED) && !isOf(DAMAGED_MARKER)) return notSupported(format, shown);
  if (isOf(OVER_LIMIT)) return overLimit(format, shown);
  const reason = shown === "" ? "" : ` (${shown})`;
  return new Failure("data", `Cannot decode: the ${format.name} is truncated or damaged${reason}`);
}
