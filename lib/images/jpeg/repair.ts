/**
 * Faults of JPEG files that change no pixel in any viewer, but make the decoder warn: it reports only its first
 * warning, so an incomplete picture would go unnoticed.
 *
 * @module
 */
import { EOI, isFrame, type Segment, segmentsOf, SOS } from "./segments.ts";

const APP0 = 0xe0, APP14 = 0xee;
/** Frames whose scans have all of the coefficients, Huffman-coded. */
const SEQUENTIAL = [0xc0, 0xc1];
/** Colours of Adobe's segment: YCbCr and YCCK. */
const YCBCR = 1, YCCK = 2;

function startsWith(body: Uint8Array, text: string): boolean {
  return String.fromCharCode(...body.subarray(0, text.length)) === text;
}

/** Offsets of wrong bytes in the body of a segment, with the values that decoders assume instead. */
function faultsOf(
  { marker, body }: Segment,
  frame: Segment,
): readonly (readonly [number, number])[] {
  if (marker === APP0 && startsWith(body, "JFIF\0") && body[5] !== 1) return [[5, 1], [6, 1]];
  if (marker === APP14 && startsWith(body, "Adobe") && body[11]! > YCCK) {
    return [[11, frame.body[5] === 4 ? YCCK : YCBCR]];
  }
  if (marker !== SOS || !SEQUENTIAL.includes(frame.marker)) return [];
  const last = body.length - 1;
  const wanted = [[last - 2, 0], [last - 1, 63], [last, 0]] as const;
  return wanted.filter(([at, value]) => at > 0 && body[at] !== value);
}

/**
 * The file without padding between its segments, an unknown revision of JFIF, an unknown transform of Adobe's and
 * invalid parameters of a sequential scan.
 *
 * @returns `undefined`: it has no such fault
 */
export function repairedJpeg(bytes: Uint8Array): Uint8Array | undefined {
  const segments = [...segmentsOf(bytes)].filter(({ marker }) => marker !== 0);
  const frame = segments.find(({ marker }) => isFrame(marker));
  if (frame === undefined) return undefined;
  const parts = [bytes.subarray(0, 2)];
  let isChanged = false;
  segments.forEach((segment, i) => {
    const { marker, body, start, isPadded } = segment;
    const next = segments[i + 1]?.start ?? bytes.length;
    // Picture data follow a scan; what follows the end of the image, or a segment that is cut short, stays as well.
    const isOpen = marker === SOS || marker === EOI || next === bytes.length;
    const end = isOpen ? next : body.byteOffset - bytes.byteOffset + body.length;
    const faults = faultsOf(segment, frame);
    const part = faults.length > 0 ? bytes.slice(start, end) : bytes.subarray(start, end);
    const bodyAt = body.byteOffset - bytes.byteOffset - start;
    for (const [at, value] of faults) part[bodyAt + at] = value;
    parts.push(part);
    isChanged ||= isPadded || faults.length > 0;
  });
  if (!isChanged) return undefined;
  const repaired = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (repaired.set(part, at), at + part.length), 0);
  return repaired;
}
