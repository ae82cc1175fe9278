/** An image file format, told by the first bytes of a file. */
export interface ImageFormat {
  /** Name for people. */
  readonly name: string;
  /** Extension of the format's files, lower case, without a dot. */
  readonly extension: string;
  /** Whether this project decodes it. */
  readonly supported: boolean;
}

/** What a message says we can read. */
export const SUPPORTED_FORMATS = "JPEG, PNG, WebP, AVIF, GIF or TIFF";

/** How many leading bytes {@link sniffFormat} looks at. */
export const SNIFF_BYTES = 64;

const JPEG = { name: "JPEG", extension: "jpg", supported: true };
const PNG = { name: "PNG", extension: "png", supported: true };
const WEBP = { name: "WebP", extension: "webp", supported: true };
const AVIF = { name: "AVIF", extension: "avif", supported: true };
const GIF = { name: "GIF", extension: "gif", supported: true };
const TIFF = { name: "TIFF", extension: "tif", supported: true };
const BMP = { name: "BMP", extension: "bmp", supported: false };
const HEIC = { name: "HEIC", extension: "heic", supported: false };
const JXL = { name: "JPEG XL", extension: "jxl", supported: false };
const JP2 = { name: "JPEG 2000", extension: "jp2", supported: false };
const PSD = { name: "Photoshop", extension: "psd", supported: false };

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
  ["BM", BMP],
  ["\xff\x0a", JXL],
  ["\0\0\0\x0cJXL ", JXL],
  ["\0\0\0\x0cjP  ", JP2],
  ["8BPS", PSD],
];

// The second half we cannot decode: such files are named in the quarantine list, not passed over in silence.
const EXTENSIONS = new Set(
  "jpg jpeg jpe jfif png webp avif gif tif tiff bmp heic heif jxl jp2 j2k tga exr hdr pgm ppm pbm pnm"
    .split(" "),
);

const RAW_EXTENSIONS = new Set("dng cr2 cr3 nef arw orf raf rw2".split(" "));

function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1).toLowerCase();
}

/** Whether a file name says "image", whatever is inside; letter case does not matter. */
export function hasImageExtension(name: string): boolean {
  return EXTENSIONS.has(extensionOf(name)) || hasRawExtension(name);
}

/** Whether a file comes from a camera's sensor: inside, it is a TIFF whose picture is a mere thumbnail. */
export function hasRawExtension(name: string): boolean {
  return RAW_EXTENSIONS.has(extensionOf(name));
}

function sniffIsoMedia(text: string): ImageFormat | undefined {
  if (text.slice(4, 8) !== "ftyp") return undefined;
  // Major brand, minor version, then compatible brands: an AVIF may call itself "mif1" first.
  const brands = text.slice(8, 12) + text.slice(16);
  if (/avi[fs]/.test(brands)) return AVIF;
  return /hei[cxms]|hev[cx]|mif1|msf1/.test(brands) ? HEIC : undefined;
}

/** The format of a file by its first {@link SNIFF_BYTES} bytes, `undefined` when it is none that we know. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, SNIFF_BYTES));
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return WEBP;
  const found = SIGNATURES.find(([signature]) => text.startsWith(signature));
  return found?.[1] ?? sniffIsoMedia(text);
}
