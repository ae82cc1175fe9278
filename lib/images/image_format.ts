/** Recognises image formats by the first bytes of a file, and by file names. */

/** An image file format, recognised by the first bytes of a file. */
export interface ImageFormat {
  /** Name for messages. */
  readonly name: string;
  /** Extension of files that are decoded, lower case, without a dot. */
  readonly extension: string;
  /** Whether this project decodes it. */
  readonly supported: boolean;
  /** What to do with a file that is not decoded. */
  readonly advice: string;
}

/** The supported formats, for messages. */
export const SUPPORTED_FORMATS = "JPEG, PNG, WebP, AVIF, GIF or TIFF";

/** How many leading bytes {@link sniffFormat} needs. */
export const SNIFF_BYTES = 64;

function supported(name: string, extension: string): ImageFormat {
  return { name, extension, supported: true, advice: "" };
}

function other(name: string, advice = "convert it first"): ImageFormat {
  return { name, extension: "", supported: false, advice };
}

const JPEG = supported("JPEG", "jpg");
const PNG = supported("PNG", "png");
const WEBP = supported("WebP", "webp");
const AVIF = supported("AVIF", "avif");
const GIF = supported("GIF", "gif");
const TIFF = supported("TIFF", "tif");
const HEIC = other("HEIC");
const HTML = other("an HTML page", "download the image again");

/** First bytes in Latin-1, at offset 0. */
const SIGNATURES: readonly (readonly [string, ImageFormat])[] = [
  ["\xff\xd8\xff", JPEG],
  ["\x89PNG\r\n\x1a\n", PNG],
  ["GIF87a", GIF],
  ["GIF89a", GIF],
  ["II*\0", TIFF],
  ["MM\0*", TIFF],
  ["II+\0", TIFF],
  ["MM\0+", TIFF],
  ["BM", other("BMP")],
  ["\xff\x0a", other("JPEG XL")],
  ["\0\0\0\x0cJXL ", other("JPEG XL")],
  ["\0\0\0\x0cjP  ", other("JPEG 2000")],
  ["\xff\x4f\xff\x51", other("JPEG 2000")],
  ["II\xbc\x01", other("JPEG XR")],
  ["8BPS", other("Photoshop")],
  ["v/1\x01", other("OpenEXR")],
  ["#?RADIANCE", other("Radiance HDR")],
  ["SIMPLE  =", other("FITS")],
  ["%PDF-", other("PDF")],
];

// The second half cannot be decoded: such files are listed in the quarantine, not silently ignored.
const EXTENSIONS = new Set(
  "jpg jpeg jpe jfif png webp avif gif tif tiff bmp heic heif jxl jp2 j2k tga exr hdr pgm ppm pbm pnm"
    .split(" "),
);

const RAW_EXTENSIONS = new Set("dng cr2 cr3 nef arw orf raf rw2".split(" "));

function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1).toLowerCase();
}

/** Whether a file name has the extension of an image; letter case does not matter. */
export function hasImageExtension(name: string): boolean {
  return EXTENSIONS.has(extensionOf(name)) || hasRawExtension(name);
}

/** Whether a file comes from a camera's sensor: inside, it is a TIFF whose picture is a mere thumbnail. */
export function hasRawExtension(name: string): boolean {
  return RAW_EXTENSIONS.has(extensionOf(name));
}

function sniffIsoMedia(text: string): ImageFormat | undefined {
  if (text.slice(4, 8) !== "ftyp") return undefined;
  // Major brand, minor version, then compatible brands: an AVIF may have "mif1" as its major brand.
  const brands = text.slice(8, 12) + text.slice(16);
  if (/avi[fs]/.test(brands)) return AVIF;
  return /hei[cxms]|hev[cx]|mif1|msf1/.test(brands) ? HEIC : undefined;
}

/** The format of a file by its first {@link SNIFF_BYTES} bytes, `undefined` when it is unknown. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, SNIFF_BYTES));
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return WEBP;
  if (/^\s*<(!doctype html|html|head|body)\b/i.test(text)) return HTML;
  const found = SIGNATURES.find(([signature]) => text.startsWith(signature));
  return found?.[1] ?? sniffIsoMedia(text);
}
