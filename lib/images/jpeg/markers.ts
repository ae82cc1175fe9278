/**
 * Recognises plain JPEG files by their markers: those that every release of libjpeg-turbo decodes to the same pixels,
 * with nothing but the picture data deciding them. Doubtful files are not plain.
 *
 * @module
 */

import { DECODE_BYTES } from "../decode_budget.ts";
import { ScannedCoefficients } from "./scans.ts";
import { EOI, MOST_SCANS, type Segment, segmentsOf, SOS } from "./segments.ts";

/** Pixels. */
export interface JpegSize {
  readonly height: number;
  readonly width: number;
}

/** Markers, the byte behind 0xff. */
const SOF0 = 0xc0, SOF2 = 0xc2, DHT = 0xc4, DQT = 0xdb, DRI = 0xdd;
const APP0 = 0xe0, APP1 = 0xe1, APP2 = 0xe2, APP14 = 0xee, APP15 = 0xef, COM = 0xfe;

/**
 * Sampling of Y, Cb, Cr, width in the upper half of a byte: 4:4:4, 4:2:2, 4:2:0. Not 4:4:0, whose chroma is rounded
 * in another way since libjpeg-turbo 2.0.4, and none that is rare.
 */
const SAMPLINGS = [[0x11, 0x11, 0x11], [0x21, 0x11, 0x11], [0x22, 0x11, 0x11]];

/** The frame header, and which of its coefficients the scans so far contain. */
class Frame {
  readonly size: JpegSize;
  readonly #components: number;
  readonly isProgressive: boolean;
  readonly #scanned: ScannedCoefficients;

  private constructor(size: JpegSize, components: number, header: Segment) {
    this.size = size;
    this.isProgressive = header.marker === SOF2;
    this.#components = components;
    this.#scanned = new ScannedCoefficients(header);
  }

  static read(header: Segment): Frame | undefined {
    const { body } = header;
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    if (body.length < 9 || view.getUint8(0) !== 8) return undefined;
    const height = view.getUint16(1), width = view.getUint16(3), components = view.getUint8(5);
    if (height === 0 || width === 0) return undefined;
    if (3 * height * width > DECODE_BYTES) return undefined;
    if (body.length !== 6 + 3 * components) return undefined;
    // Other numbers than 1, 2, 3 may mean other colours.
    for (let c = 0; c < components; c++) if (body[6 + 3 * c] !== c + 1) return undefined;
    const isSampledAs = (sampling: readonly number[]) =>
      sampling.length === components && sampling.every((value, c) => body[7 + 3 * c] === value);
    if (!isSampledAs([0x11]) && !SAMPLINGS.some(isSampledAs)) return undefined;
    return new Frame({ height, width }, components, header);
  }

  /** Adds a scan. @returns whether the scan is as it should be; that of a baseline file has all of the image */
  add(body: Uint8Array): boolean {
    return this.#scanned.add(body) && (this.isProgressive || body[0] === this.#components);
  }

  /** Whether no further scan is needed. */
  get isComplete(): boolean {
    return this.#scanned.isComplete;
  }
}

/** Whether the EXIF block in an APP1 segment leaves the orientation unchanged. */
function isUpright(body: Uint8Array): boolean {
  const view = new DataView(body.buffer, body.byteOffset + 6, body.length - 6);
  const length = view.byteLength;
  if (length < 8 || body[4] !== 0 || body[5] !== 0) return false;
  const order = view.getUint16(0), little = order === 0x4949;
  if (!little && order !== 0x4d4d || view.getUint16(2, little) !== 42) return false;
  const first = view.getUint32(4, little);
  if (first + 2 > length) return false;
  const end = first + 2 + 12 * view.getUint16(first, little);
  if (end > length) return false;
  for (let at = first + 2; at < end; at += 12) {
    if (view.getUint16(at, little) !== 0x0112) continue;
    // One number of 16 bits, and it is 1.
    const isOne = view.getUint16(at + 2, little) === 3 && view.getUint32(at + 4, little) === 1 &&
      view.getUint16(at + 8, little) === 1;
    if (!isOne) return false;
  }
  return true;
}

/** Whether a segment that is neither a frame nor a scan changes nothing about the colours and the place of pixels. */
function isHarmless({ marker, body }: Segment): boolean {
  switch (marker) {
    case DHT:
    case DQT:
    case DRI:
    case COM:
      return true;
    case APP1:
      return String.fromCharCode(...body.subarray(0, 4)) === "Exif"
        ? body.length > 6 && isUpright(body)
        : true;
    case APP2:
      return false; // A colour profile, or the directory of a file with a second picture, as with HDR.
    case APP14:
      return body[11] === 1; // Adobe's: YCbCr.
    default:
      return marker >= APP0 && marker <= APP15;
  }
}

/** Header values of a plain JPEG file. */
export interface PlainJpeg {
  readonly size: JpegSize;
  /** 1: the pixels come out row by row; more: after all scans. */
  readonly scans: number;
}

/** Reads the markers of a plain JPEG file, `undefined` for any other file. */
export function readPlainJpeg(bytes: Uint8Array): PlainJpeg | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  let frame: Frame | undefined;
  let scans = 0;
  for (const segment of segmentsOf(bytes)) {
    const { marker, body, isPadded } = segment;
    if (isPadded) return undefined;
    if (marker === SOF0 || marker === SOF2) {
      if (frame !== undefined) return undefined;
      frame = Frame.read(segment);
      if (frame === undefined) return undefined;
    } else if (marker === SOS) {
      if (!frame?.add(body) || ++scans > MOST_SCANS) return undefined;
      // The decoder warns of missing data.
      if (!frame.isProgressive) return { size: frame.size, scans };
    } else if (marker === EOI) {
      // Blocks with missing bits are smoothed, differently since libjpeg-turbo 2.1 and 3.0.1.
      return frame?.isComplete ? { size: frame.size, scans } : undefined;
    } else if (!isHarmless(segment)) return undefined;
  }
  return undefined;
}
