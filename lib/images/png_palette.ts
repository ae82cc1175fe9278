/**
 * Palette indices in PNG files: libpng shows those beyond the palette as black, and libvips drops its warning. PNG,
 * third edition, 5.2, 11.2.1 and 11.2.2.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import sharp from "sharp";

const SIGNATURE_BYTES = 8;
const PALETTE_COLORS = 3, GREY = 0;
/** Places in the data of the first chunk. */
const DEPTH_AT = 8, COLOR_AT = 9;
const TYPE_BYTES = 4, CHECKSUM_BYTES = 4, FRAME_BYTES = 12;

interface Chunk {
  readonly type: string;
  /** Type and data. */
  readonly content: Uint8Array;
}

function* chunksOf(bytes: Uint8Array): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = SIGNATURE_BYTES; at + FRAME_BYTES <= bytes.length;) {
    const start = at + 4, end = start + TYPE_BYTES + view.getUint32(at);
    if (end + CHECKSUM_BYTES > bytes.length) return;
    const content = bytes.subarray(start, end);
    yield { type: String.fromCharCode(...content.subarray(0, TYPE_BYTES)), content };
    at = end + CHECKSUM_BYTES;
  }
}

/** A chunk in the format of the file. */
function packed(content: Uint8Array): readonly Uint8Array[] {
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, content.length - TYPE_BYTES);
  numbers.setUint32(4, crc32(content));
  const bytes = new Uint8Array(numbers.buffer);
  return [bytes.subarray(0, 4), content, bytes.subarray(4)];
}

/** What is wrong with the palette of a PNG file that decodes; `undefined`: nothing. */
export async function pngFlaw(bytes: Uint8Array): Promise<string | undefined> {
  const chunks = [...chunksOf(bytes)];
  const header = chunks[0]?.content.slice();
  const palette = chunks.find(({ type }) => type === "PLTE");
  if (header?.[TYPE_BYTES + COLOR_AT] !== PALETTE_COLORS || palette === undefined) return undefined;
  const colors = (palette.content.length - TYPE_BYTES) / 3;
  const most = 2 ** header[TYPE_BYTES + DEPTH_AT]!;
  if (colors >= most) return undefined;
  // The same picture as grey, whose levels are the numbers of the colours.
  header[TYPE_BYTES + COLOR_AT] = GREY;
  const kept = chunks.filter(({ type }) => type === "IDAT" || type === "IEND");
  const grey = [header, ...kept.map(({ content }) => content)].flatMap(packed);
  const { data } = await sharp(
    await new Blob([bytes.subarray(0, SIGNATURE_BYTES), ...grey] as BlobPart[]).bytes(),
    { limitInputPixels: false },
  ).toColourspace("b-w").raw().toBuffer({ resolveWithObject: true });
  const beyond = data.reduce((highest, level) => Math.max(highest, level), 0) * (most - 1) / 255;
  return beyond < colors ? undefined : `it has color ${beyond} of ${colors}`;
}
