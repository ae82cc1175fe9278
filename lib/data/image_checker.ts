import { Failure, messageOf } from "../failure.ts";
import { decodePixels, expectFormat, type RgbImage } from "./decode.ts";
import type { ImageFormat } from "./image_format.ts";

/**
 * Warnings of libjpeg about files that every viewer shows whole: padding between segments, and a header field
 * that some phones get wrong. All other warnings count as damage.
 */
const HARMLESS_WARNING = /extraneous bytes before marker|Invalid SOS parameters/;

/** What libvips has to say, each line once. */
function linesOf(error: unknown): string[] {
  const lines = messageOf(error).split("\n").map((line) => line.trim()).filter(Boolean);
  const told = lines.filter((line) => !line.startsWith("source: bad seek"));
  return [...new Set(told.length > 0 ? told : lines)];
}

/** Runs work side by side, or one piece with nothing beside it. */
class Gate {
  readonly #running = new Set<Promise<unknown>>();
  #alone: Promise<unknown> | undefined;

  async together<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#alone = promise;
    try {
      await Promise.allSettled([...this.#running]);
      return await work();
    } finally {
      this.#alone = undefined;
      resolve();
    }
  }
}

/**
 * Decodes images to find bad ones, more strictly than `decodeImage`: even a warning counts, unless it is known
 * to be harmless. libvips has one error text for the whole process, so that of a failed image is found by
 * decoding it again while nothing else is decoded: the verdict and its reason never depend on the company.
 */
export class ImageChecker {
  readonly #gate = new Gate();

  /** @throws {Failure} `data`: empty, not an image, truncated or damaged, with the reason of the decoder */
  async decode(bytes: Uint8Array): Promise<RgbImage> {
    const format = expectFormat(bytes);
    try {
      return await this.#gate.together(() => decodePixels(bytes, "warning"));
    } catch {
      return await this.#gate.alone(() => this.#decideAlone(bytes, format));
    }
  }

  async #decideAlone(bytes: Uint8Array, format: ImageFormat): Promise<RgbImage> {
    // Twice: the first failure takes along what others have left in the error text.
    await decodePixels(bytes, "warning").catch(() => {});
    const strict = await decodePixels(bytes, "warning").catch(linesOf);
    if (!Array.isArray(strict)) return strict;
    const forgiven = strict.every((line) => HARMLESS_WARNING.test(line));
    const result = forgiven ? await decodePixels(bytes, "error").catch(linesOf) : strict;
    if (!Array.isArray(result)) return result;
    throw new Failure(
      "data",
      `Cannot decode: the ${format.name} is truncated or damaged (${
        result.slice(0, 2).join("; ")
      })`,
    );
  }
}
