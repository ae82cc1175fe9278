/** JPEG files of all kinds, made by sharp and changed by hand. */
import sharp, { type JpegOptions } from "sharp";
import { ROOT } from "../run_stage.ts";

/** Markers, the byte behind 0xff. */
export const APP1 = 0xe1,
  APP2 = 0xe2,
  APP14 = 0xee,
  SOF0 = 0xc0,
  DHT = 0xc4,
  SOS = 0xda,
  DQT = 0xdb;

/** What a picture looks like and how it is written. */
export interface JpegKind {
  readonly width: number;
  readonly height: number;
  readonly seed: number;
  /** 0 to 1: from a smooth picture to nothing but noise. */
  readonly noise: number;
  readonly grey: boolean;
  readonly options: JpegOptions;
}

/** A picture of waves and noise as a JPEG file. */
export async function jpegFile({ width, height, seed, noise, grey, options }: JpegKind) {
  let state = seed;
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    const pixel = Math.floor(i / 3), x = pixel % width, y = Math.floor(pixel / width);
    const wave = 127.5 + 127.5 * Math.sin((x + 2 * y) / (5 + i % 3) + i % 3);
    return (1 - noise) * wave + noise * (state >>> 24);
  });
  const picture = sharp(data, { raw: { width, height, channels: 3 } });
  if (grey) picture.toColourspace("b-w");
  return new Uint8Array(await picture.jpeg(options).toBuffer());
}

/** A small picture. */
export const SMALL = { width: 45, height: 34, seed: 1, noise: 0.2, grey: false };

/** A small picture with plain settings. */
export function plainFile(options: JpegOptions = {}): Promise<Uint8Array> {
  return jpegFile({ ...SMALL, options });
}

/** A file of `tests/fixtures/jpeg`. */
export function fixtureFile(name: string): Promise<Uint8Array> {
  return Deno.readFile(`${ROOT}tests/fixtures/jpeg/${name}.jpg`);
}

/** The place of the first segment with a marker. */
export function placeOf(file: Uint8Array, marker: number): number {
  let at = 2;
  while (file[at + 1] !== marker) at += 2 + (file[at + 2]! << 8 | file[at + 3]!);
  return at;
}

export function concatenated(...parts: readonly ArrayLike<number>[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/** A segment as it is in a file. */
export function segment(marker: number, body: ArrayLike<number>): Uint8Array {
  const length = body.length + 2;
  return concatenated([0xff, marker, length >> 8, length & 255], body);
}

/** The file with something added behind its first two bytes. */
export function withSegment(file: Uint8Array, added: Uint8Array): Uint8Array {
  return concatenated(file.subarray(0, 2), added, file.subarray(2));
}

/** The file without the segments before its scan that have the marker. */
export function withoutSegments(file: Uint8Array, marker: number): Uint8Array {
  const kept = [file.subarray(0, 2)];
  let at = 2;
  while (file[at + 1] !== SOS) {
    const end = at + 2 + (file[at + 2]! << 8 | file[at + 3]!);
    if (file[at + 1] !== marker) kept.push(file.subarray(at, end));
    at = end;
  }
  return concatenated(...kept, file.subarray(at));
}

/** Bytes of text in Latin-1. */
export function latin1(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}

/** One entry of an EXIF directory. */
export interface ExifEntry {
  readonly tag: number;
  /** 3: 16 bits, 4: 32 bits. */
  readonly type: number;
  readonly count: number;
  readonly value: number;
}

/** An APP1 segment with one EXIF directory. */
export function exifSegment(entries: readonly ExifEntry[], little = true): Uint8Array {
  const tiff = new DataView(new ArrayBuffer(14 + 12 * entries.length));
  tiff.setUint16(0, little ? 0x4949 : 0x4d4d);
  tiff.setUint16(2, 42, little);
  tiff.setUint32(4, 8, little);
  tiff.setUint16(8, entries.length, little);
  for (const [i, { tag, type, count, value }] of entries.entries()) {
    const at = 10 + 12 * i;
    tiff.setUint16(at, tag, little);
    tiff.setUint16(at + 2, type, little);
    tiff.setUint32(at + 4, count, little);
    if (type === 3) tiff.setUint16(at + 8, value, little);
    else tiff.setUint32(at + 8, value, little);
  }
  return segment(APP1, concatenated(latin1("Exif\0\0"), new Uint8Array(tiff.buffer)));
}
