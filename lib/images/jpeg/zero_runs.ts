/**
 * Zeros in place of picture data, left by an interrupted download or copy into a preallocated file, or by a lost disk
 * block. Decoders of JPEG read them as codes. So do those of WebP, but there a picture of one colour is all zeros too.
 *
 * @module
 */
import { EOI, isFrame, segmentsOf, SOS } from "./segments.ts";

/** Half of the smallest block of a disk. Codes do not give so many zeros by chance. */
const LEAST_RUN = 256;

/** Whether there are so many consecutive zeros. */
export function hasZeroRun(bytes: Uint8Array): boolean {
  // A run covers two of these places at least.
  for (let at = 0; at < bytes.length; at += LEAST_RUN / 2) {
    if (bytes[at] !== 0) continue;
    let start = at, end = at + 1;
    while (bytes[start - 1] === 0) start--;
    while (bytes[end] === 0) end++;
    if (end - start >= LEAST_RUN) return true;
    at = end - end % (LEAST_RUN / 2);
  }
  return false;
}

const DHT = 0xc4;
/** Frames of Huffman codes: of one scan or few, and progressive. */
const SEQUENTIAL = [0xc0, 0xc1], PROGRESSIVE = 0xc2;

/** The symbols whose codes are nothing but zeros, by class and number of their tables. */
class ZeroSymbols {
  readonly #symbols = new Map<number, number>();

  /** @param body of a segment of tables */
  add(body: Uint8Array): void {
    for (let at = 0; at + 17 < body.length;) {
      this.#symbols.set(body[at]!, body[at + 17]!);
      at += 17 + body.subarray(at + 1, at + 17).reduce((sum, count) => sum + count, 0);
    }
  }

  /**
   * Whether runs of zeros are invalid codes in a scan. They are valid in a picture of one colour with tables made for
   * it, where each block repeats the one before, and in DC scans of progressive files.
   */
  areNoCodes(scan: Uint8Array, isProgressive: boolean): boolean {
    const count = scan[0]!, isOfValues = scan[1 + 2 * count] === 0;
    if (isProgressive && isOfValues) return false;
    return Array.from({ length: count }, (_, i) => scan[2 + 2 * i]!).some((tables) => {
      const ac = this.#symbols.get(0x10 | tables & 15) ?? 0;
      const dc = isProgressive ? 0 : this.#symbols.get(tables >> 4) ?? 0;
      return ac !== 0 || dc !== 0;
    });
  }
}

/** What is missing in a JPEG file that decodes, or replaced by zeros; `undefined`: nothing. */
export function jpegGap(bytes: Uint8Array): string | undefined {
  const zeros = new ZeroSymbols();
  let frame = 0, isDense = false, from = 0;
  for (const { marker, body, start } of segmentsOf(bytes)) {
    if (isDense && hasZeroRun(bytes.subarray(from, start))) return "a part of it is zeros";
    isDense = false;
    if (marker === EOI) return undefined;
    if (isFrame(marker)) frame = marker;
    else if (marker === DHT) zeros.add(body);
    else if (marker === SOS) {
      const isProgressive = frame === PROGRESSIVE;
      isDense = (isProgressive || SEQUENTIAL.includes(frame)) &&
        zeros.areNoCodes(body, isProgressive);
      from = body.byteOffset - bytes.byteOffset + body.length;
    }
  }
  return "its end is missing";
}
