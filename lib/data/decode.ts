import sharp from "sharp";
import { Failure } from "../failure.ts";
import { type ImageFormat, sniffFormat, SUPPORTED_FORMATS } from "./image_format.ts";
import type { RgbImage } from "./rgb_image.ts";
import { decodePlainJpeg } from "./turbojpeg.ts";

export type { RgbImage } from "./rgb_image.ts";

// One libvips thread per image and no cache: callers keep several images in flight, which is faster on the
// same cores, and memory stays flat (measured: 1976 against 960 images/s).
sharp.concurrency(1);
sharp.cache(false);

/**
 * The format of a file that can be decoded.
 *
 * @throws {Failure} `data`: empty, not an image, or an image of another format
 */
export function expectFormat(bytes: Uint8Array): ImageFormat {
  if (bytes.length === 0) throw new Failure("data", "Cannot decode: the file is empty (0 bytes)");
  const format = sniffFormat(bytes);
  if (format === undefined) {
    throw new Failure("data", `Cannot decode: not an image, wanted ${SUPPORTED_FORMATS}`);
  }
  if (!format.supported) {
    throw new Failure(
      "data",
      `Cannot decode: wanted ${SUPPORTED_FORMATS}, got ${format.name}, convert it first`,
    );
  }
  return format;
}

/** Decodes with the given tolerance; the error is that of libvips. */
export async function decodePixels(
  bytes: Uint8Array,
  failOn: "warning" | "error",
): Promise<RgbImage> {
  const { data, info } = await sharp(bytes, { failOn })
    .autoOrient()
    .flatten({ background: "#ffffff" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels`);
  return { height: info.height, width: info.width, data };
}

/**
 * Decodes the first frame of a JPEG, PNG, WebP, AVIF, GIF or TIFF file to 8-bit sRGB: EXIF rotation is applied,
 * embedded colour profiles, CMYK, grey and 16-bit samples are converted, transparency is laid on white.
 *
 * @throws {Failure} `data`: empty, not an image of these formats, truncated or damaged; never a partial picture
 */
export async function decodeImage(bytes: Uint8Array): Promise<RgbImage> {
  const format = expectFormat(bytes);
  const plain = await decodePlainJpeg(bytes);
  if (plain !== undefined) return plain;
  try {
    return await decodePixels(bytes, "error");
  } catch (error) {
    // The text of libvips may be that of another image, so it is not repeated here: see image_checker.ts.
    throw new Failure("data", `Cannot decode: the ${format.name} is truncated or damaged`, {
      cause: error,
    });
  }
}

/**
 * Shrinks an image so that its shorter side has the given number of pixels (Lanczos 3), and encodes it as JPEG
 * of quality 95 without chroma subsampling.
 */
export async function encodeShorterSide(
  image: RgbImage,
  shorterSide: number,
): Promise<{ readonly width: number; readonly height: number; readonly data: Uint8Array }> {
  const { width, height } = image;
  const side = width < height ? { width: shorterSide } : { height: shorterSide };
  const { data, info } = await sharp(image.data, { raw: { width, height, channels: 3 } })
    .resize({ ...side, kernel: "lanczos3" })
    .jpeg({ quality: 95, chromaSubsampling: "4:4:4" })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}
