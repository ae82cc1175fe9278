/** Finds progressive JPEG files that lack scans. */
import { isFrame, type Segment, segmentsOf, SOS } from "./jpeg_segments.ts";

/** Frames whose scans tell coefficients in parts: Huffman-coded and arithmetic. */
const PROGRESSIVE = [0xc2, 0xca];
/** Frames that decoders turn into something else, if at all: without losses, or of several sizes. */
const SEQUENTIAL = [0xc0, 0xc1, 0xc9];

/** Bits of a coefficient that no scan has told anything about. */
const UNKNOWN = 255;

/** How much of the coefficients of each component the scans of a file have told. */
export class ToldCoefficients {
  readonly #progressive: boolean;
  /** By component and coefficient, the lowest bit that is known. */
  readonly #lowestBits: ReadonlyMap<number, Uint8Array>;

  /** @param frame header of a frame */
  constructor({ marker, body }: Segment) {
    this.#progressive = PROGRESSIVE.includes(marker);
    const components = Array.from({ length: body[5]! }, (_, c) => body[6 + 3 * c]!);
    this.#lowestBits = new Map(components.map((id) => [id, new Uint8Array(64).fill(UNKNOWN)]));
  }

  /** Adds a scan. @returns whether it is one of components of the frame */
  add(body: Uint8Array): boolean {
    const count = body[0]!;
    if (body.length !== 4 + 2 * count) return false;
    const [first, last, bits] = this.#progressive
      ? body.subarray(1 + 2 * count) as unknown as [number, number, number]
      : [0, 63, 0];
    for (let i = 0; i < count; i++) {
      const told = this.#lowestBits.get(body[1 + 2 * i]!);
      if (told === undefined || !(first <= last && last < 64)) return false;
      told.fill(bits & 15, first, last + 1);
    }
    return true;
  }

  /** Whether no further scan is needed, nor anything in the place of one that is missing. */
  get isComplete(): boolean {
    return this.#lowestBits.values().every((bits) => bits.every((bit) => bit === 0));
  }
}

/**
 * Whether a JPEG file ends before all of its picture was told: decoders show a coarser one, or one without colours, and
 * say nothing.
 */
export function lacksScans(bytes: Uint8Array): boolean {
  let told: ToldCoefficients | undefined;
  for (const segment of segmentsOf(bytes)) {
    const { marker, body } = segment;
    if (isFrame(marker)) {
      if (told !== undefined || ![...PROGRESSIVE, ...SEQUENTIAL].includes(marker)) return false;
      told = new ToldCoefficients(segment);
    } else if (marker === SOS) {
      told?.add(body);
      // The usual file ends here: its only scan has everything, and need not be gone through.
      if (told?.isComplete) return false;
    }
  }
  return told?.isComplete === false;
}
