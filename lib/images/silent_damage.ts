/**
 * Damage that decoders conceal without a warning: missing parts of the picture are black, white or coarse.
 *
 * @module
 */
import { failureOf } from "./decode_failures.ts";
import { gifFlaw } from "./gif_pixels.ts";
import type { ImageFormat } from "./image_format.ts";
import { lacksScans } from "./jpeg/scans.ts";
import { pngFlaw } from "./png_palette.ts";
import { jpegGap } from "./jpeg/zero_runs.ts";

type Flaw = string | undefined;

/** What is wrong with a file that decodes, by its extension. */
const FLAWS: Readonly<Record<string, (bytes: Uint8Array) => Flaw | Promise<Flaw>>> = {
  gif: gifFlaw,
  jpg: (bytes) => lacksScans(bytes) ? "scans are missing" : jpegGap(bytes),
  png: pngFlaw,
};

/**
 * Fails where a file that decodes lacks a part of its picture. It takes a tenth of the time of decoding or, for the few
 * files with a palette, as long again: call it once, when files are packed.
 *
 * @throws {Failure} `data`: damaged
 */
export async function expectWholePicture(bytes: Uint8Array, format: ImageFormat): Promise<void> {
  const flaw = await FLAWS[format.extension]?.(bytes);
  if (flaw !== undefined) throw failureOf(format, [flaw]);
}
