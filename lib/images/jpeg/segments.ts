/** The segments of a JPEG file, and what their headers state. */

/** Markers, the byte behind 0xff. */
export const EOI = 0xd9, SOS = 0xda;

/** A part of a JPEG file that begins with a marker; `body` follows its length. */
export interface Segment {
  readonly marker: number;
  readonly body: Uint8Array;
  /** Where its marker is in the file. */
  readonly start: number;
  /** Bytes that belong to no segment precede it. */
  readonly isPadded: boolean;
}

/** Markers without a length and a body: of arithmetic coding, restarts, the start of an image, and no marker at all. */
function standsAlone(marker: number): boolean {
  return marker <= 1 || (marker & 0xf8) === 0xd0 || marker === 0xd8;
}

/** The place behind the entropy-coded data at `at`: where the next marker is, restart markers aside. */
function endOfScan(bytes: Uint8Array, at: number): number {
  for (;;) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) return bytes.length;
    const next = bytes[at + 1]!;
    if (next !== 0 && (next & 0xf8) !== 0xd0) return at;
    at += 2;
  }
}

/** All segments up to the end of the image, or to where a segment is longer than the file. */
export function* segmentsOf(bytes: Uint8Array): Generator<Segment> {
  let at = 2;
  for (;;) {
    let place = bytes.indexOf(0xff, at);
    if (place < 0) return;
    while (bytes[place + 1] === 0xff) place++;
    const marker = bytes[place + 1], isPadded = place !== at;
    if (marker === undefined) return;
    if (marker === EOI || standsAlone(marker)) {
      yield { marker, body: bytes.subarray(place + 2, place + 2), start: place, isPadded };
      if (marker === EOI) return;
      at = place + 2;
      continue;
    }
    const end = place + 2 + (bytes[place + 2]! << 8 | bytes[place + 3]!);
    if (!(end >= place + 4 && end <= bytes.length)) return;
    yield { marker, body: bytes.subarray(place + 4, end), start: place, isPadded };
    at = marker === SOS ? endOfScan(bytes, end) : end;
  }
}

/** The time of decoding grows with the number of scans, even of empty ones; ordinary files have up to a dozen. */
export const MOST_SCANS = 100;

/** How many scans a JPEG file has: with more than one, its decoder holds the coefficients of the whole image. */
export function countScans(bytes: Uint8Array): number {
  let scans = 0;
  for (const { marker } of segmentsOf(bytes)) if (marker === SOS) scans++;
  return scans;
}

/** Frame headers: SOF0 to SOF15, between which DHT, JPG and DAC have their numbers. */
export function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** Height and width in the frame header of a JPEG file, `undefined` without one. */
export function readFrameSize(
  bytes: Uint8Array,
): { readonly height: number; readonly width: number } | undefined {
  for (const { marker, body } of segmentsOf(bytes)) {
    if (!isFrame(marker)) continue;
    if (body.length < 6) return undefined;
    return { height: body[1]! << 8 | body[2]!, width: body[3]! << 8 | body[4]! };
  }
  return undefined;
}
