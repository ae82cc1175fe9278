/** Finds progressive JPEG files that lack scans. */
import { isFrame, type Segment, segmentsOf, SOS } from "./segments.ts";

/** Progressive frames: Huffman-coded and arithmetic. */
const PROGRESSIVE = [0xc2, 0xca];
/** Sequential frames. Lossless and hierarchical ones are not decoded. */
const SEQUENTIAL = [0xc0, 0xc1, 0xc9];

/** Marks a coefficient that no scan has yet. */
const UNKNOWN = 255;

/** Which bits of each component's coefficients the scans of a file contain. */
export class ScannedCoefficients {
  readonly #progressive: boolean;
  /** By component and coefficient, the lowest bit that is known. */
  readonly #lowestBits: ReadonlyMap<number, Uint8Array>;

  /** @param frame header of a frame */
  constructor({ marker, body }: Segment) {
    this.#progressive = PROGRESSIVE.includes(marker);
    const components = Array.from({ length: body[5]! }, (_, c) => body[6 + 3 * c]!);
    this.#lowestBits = new Map(components.map((id) => [id, new Uint8Array(64).fill(UNKNOWN)]));
  }

  /** Adds a scan. @returns whether its components are in the frame */
  add(body: Uint8Array): boolean {
    const count = body[0]!;
    if (body.length !== 4 + 2 * count) return false;
    const [first, last, lowestBit] = this.#progressive
      ? body.subarray(1 + 2 * count) as unknown as [number, number, number]
      : [0, 63, 0];
    for (let i = 0; i < count; i++) {
      const lowestBits = this.#lowestBits.get(body[1 + 2 * i]!);
      if (lowestBits === undefined || !(first <= last && last < 64)) return false;
      lowestBits.fill(lowestBit & 15, first, last + 1);
    }
    return true;
  }

  /** Whether no further scan is needed. */
  get isComplete(): boolean {
    return this.#lowestBits.values().every((bits) => bits.every((bit) => bit === 0));
  }
}

/** Whether a JPEG file lacks scans: decoders then show a coarser picture, or one without colours, without a warning. */
export function lacksScans(bytes: Uint8Array): boolean {
  let scanned: ScannedCoefficients | undefined;
  for (const segment of segmentsOf(bytes)) {
    const { marker, body } = segment;
    if (isFrame(marker)) {
      if (scanned !== undefined || ![...PROGRESSIVE, ...SEQUENTIAL].includes(marker)) return false;
      scanned = new ScannedCoefficients(segment);
    } else if (marker === SOS) {
      scanned?.add(body);
      // The usual file ends here: its only scan is complete, and need not be searched.
      if (scanned?.isComplete) return false;
    }
  }
  return scanned?.isComplete === false;
}
