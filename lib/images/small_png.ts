/** A fast decoder of small plain PNG files. */
import { decodePlainPng } from "../formats/png.ts";
import type { RgbImage } from "./rgb_image.ts";

/** For longer files and larger pictures libvips is as fast, and it works on several at once. */
const MOST_FILE_BYTES = 2 ** 16;
const MOST_PIXELS = 2 ** 14;

/** Upper bound of the memory that decoding one takes, bytes. */
export const SMALL_PNG_BYTES = MOST_FILE_BYTES + 12 * MOST_PIXELS;

/**
 * Decodes a small PNG file to the same pixels as libvips, in a tenth of the time (measured on grey pictures of 28 x 28:
 * setting up a decoder is most of the work).
 *
 * @returns `undefined`: not small, not plain, or damaged in any way
 */
export function decodeSmallPng(bytes: Uint8Array): RgbImage | undefined {
  if (bytes.length > MOST_FILE_BYTES) return undefined;
  const picture = decodePlainPng(bytes, MOST_PIXELS);
  if (picture === undefined) return undefined;
  const { height, width, channels, data } = picture;
  if (channels === 3) return { height, width, data };
  const rgb = new Uint8Array(3 * data.length);
  data.forEach((grey, i) => rgb.fill(grey, 3 * i, 3 * i + 3));
  return { height, width, data: rgb };
}
