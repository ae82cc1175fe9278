/** Pixels of kinds of samples and colours, against the formula of each. */
import assert from "node:assert/strict";
import sharp from "sharp";
import { decodeImage } from "../../lib/images/decode.ts";
import {
  BITS,
  COLOR_MAP,
  EXTRA_SAMPLES,
  ORIENTATION,
  PHOTOMETRIC,
  PLANAR,
  SAMPLES,
  shorts,
  STRIP_BYTES,
  SUBFILE_TYPE,
  tiffFile,
  type TiffTags,
} from "./tiff_files.ts";

/** All pixels of a file, three numbers each. */
async function pixelsOf(file: Uint8Array): Promise<number[][]> {
  const { data } = await decodeImage(file);
  return Array.from({ length: data.length / 3 }, (_, i) => [...data.subarray(3 * i, 3 * i + 3)]);
}

/** A picture of one row. */
function row(data: ArrayLike<number>, { width, tags }: { width: number; tags: TiffTags }) {
  return tiffFile({ width, height: 1, data: Uint8Array.from(data), tags });
}

const grey = (...values: number[]) => values.map((value) => [value, value, value]);
const RGB = { [PHOTOMETRIC]: [2], [SAMPLES]: [3], [BITS]: [8, 8, 8] };
const RGBX = { [PHOTOMETRIC]: [2], [SAMPLES]: [4], [BITS]: [8, 8, 8, 8] };

Deno.test("decodeImage() spreads 1, 2 and 4 bits over all levels", async () => {
  const one = row([0b10110000], { width: 4, tags: { [BITS]: [1] } });
  assert.deepEqual(await pixelsOf(one), grey(255, 0, 255, 255));
  const two = row([0b00011011], { width: 4, tags: { [BITS]: [2] } });
  assert.deepEqual(await pixelsOf(two), grey(0, 85, 170, 255));
  const four = row([0x0f, 0x18], { width: 4, tags: { [BITS]: [4] } });
  assert.deepEqual(await pixelsOf(four), grey(0, 255, 17, 136));
});

Deno.test("decodeImage() reads white as zero, palettes and planes", async () => {
  const inverted = row([0, 100, 255], { width: 3, tags: { [PHOTOMETRIC]: [0] } });
  assert.deepEqual(await pixelsOf(inverted), grey(255, 155, 0));
  const ramp = Array.from({ length: 256 }, (_, i) => 257 * i);
  const map = [...ramp, ...ramp.toReversed(), ...ramp];
  const palette = row([0, 10, 255], {
    width: 3,
    tags: { [PHOTOMETRIC]: [3], [COLOR_MAP]: map },
  });
  assert.deepEqual(await pixelsOf(palette), [[0, 255, 0], [10, 245, 10], [255, 0, 255]]);
  const planes = { ...RGB, [PLANAR]: [2], [STRIP_BYTES]: [2, 2, 2] };
  const planar = row([1, 2, 10, 20, 100, 200], { width: 2, tags: planes });
  assert.deepEqual(await pixelsOf(planar), [[1, 10, 100], [2, 20, 200]]);
});

Deno.test("decodeImage() takes the upper byte of 16 bits", async () => {
  const values = [0, 255, 256, 0x1234, 0x80ff, 0xffff], upper = values.map((value) => value >> 8);
  const tiff = row(shorts(values), { width: 6, tags: { [BITS]: [16] } });
  assert.deepEqual(await pixelsOf(tiff), grey(...upper));
  const data = Uint16Array.from(values);
  const raw = { width: 6, height: 1, channels: 1 } as const;
  const png = await sharp(data, { raw }).toColourspace("grey16").png().toBuffer();
  assert.equal((await sharp(png).metadata()).depth, "ushort");
  assert.deepEqual(await pixelsOf(png), grey(...upper));
  const rgb = { ...RGB, [BITS]: [16, 16, 16] };
  assert.deepEqual(await pixelsOf(row(shorts(values), { width: 2, tags: rgb })), [
    upper.slice(0, 3),
    upper.slice(3),
  ]);
});

Deno.test("decodeImage() lays alpha of TIFF on white, multiplied already or not", async () => {
  const straight = { ...RGBX, [EXTRA_SAMPLES]: [2] },
    multiplied = { ...RGBX, [EXTRA_SAMPLES]: [1] };
  const [got] = await pixelsOf(row([200, 100, 50, 51], { width: 1, tags: straight }));
  // A fifth of the colour and four fifths of white.
  [244, 224, 214].forEach((wanted, i) => assert.ok(Math.abs(got![i]! - wanted) <= 1, `${got}`));
  const [other] = await pixelsOf(row([40, 20, 10, 51], { width: 1, tags: multiplied }));
  [244, 224, 214].forEach((wanted, i) => assert.ok(Math.abs(other![i]! - wanted) <= 1, `${other}`));
});

Deno.test("decodeImage() passes over a band that is neither colour nor alpha", async () => {
  const infrared = { ...RGBX, [EXTRA_SAMPLES]: [0] };
  const rgb = row([200, 100, 50, 51, 1, 2, 3, 0], { width: 2, tags: infrared });
  assert.deepEqual(await pixelsOf(rgb), [[200, 100, 50], [1, 2, 3]]);
  const two = { [SAMPLES]: [2], [BITS]: [8, 8], [EXTRA_SAMPLES]: [0] };
  assert.deepEqual(await pixelsOf(row([9, 0, 250, 1], { width: 2, tags: two })), grey(9, 250));
});

Deno.test("decodeImage() turns pictures of TIFF by all eight orientations", async () => {
  // a b c over d e f
  const data = Uint8Array.of(10, 20, 30, 40, 50, 60);
  const wanted: Record<number, number[]> = {
    1: [10, 20, 30, 40, 50, 60],
    2: [30, 20, 10, 60, 50, 40],
    3: [60, 50, 40, 30, 20, 10],
    4: [40, 50, 60, 10, 20, 30],
    5: [10, 40, 20, 50, 30, 60],
    6: [40, 10, 50, 20, 60, 30],
    7: [60, 30, 50, 20, 40, 10],
    8: [30, 60, 20, 50, 10, 40],
  };
  for (const [orientation, values] of Object.entries(wanted)) {
    const tags = { [ORIENTATION]: [Number(orientation)] };
    const file = tiffFile({ width: 3, height: 2, data, tags });
    const { width, height } = await decodeImage(file);
    assert.deepEqual([width, height], Number(orientation) < 5 ? [3, 2] : [2, 3]);
    assert.deepEqual(await pixelsOf(file), grey(...values), orientation);
  }
});

Deno.test("decodeImage() takes the first picture of a TIFF that is no thumbnail and no mask", async () => {
  const whole = { width: 2, height: 1, data: Uint8Array.of(7, 8) };
  const small = { width: 1, height: 1, data: Uint8Array.of(1), tags: { [SUBFILE_TYPE]: [1] } };
  const mask = { ...small, tags: { [SUBFILE_TYPE]: [4] } };
  assert.deepEqual(await pixelsOf(tiffFile(whole, small)), grey(7, 8));
  assert.deepEqual(await pixelsOf(tiffFile(small, whole)), grey(7, 8));
  assert.deepEqual(await pixelsOf(tiffFile(small, mask, whole)), grey(7, 8));
  assert.deepEqual(await pixelsOf(tiffFile(small)), grey(1));
});

Deno.test("decodeImage() reads pictures of one pixel, and very long ones", async () => {
  for (const [width, height] of [[1, 1], [1, 65_535], [65_535, 1], [100, 80_000]] as const) {
    const create = { width, height, channels: 3, background: { r: 1, g: 2, b: 3 } } as const;
    const image = await decodeImage(await sharp({ create }).png().toBuffer());
    assert.deepEqual([image.width, image.height], [width, height]);
    assert.deepEqual([...image.data.subarray(-3)], [1, 2, 3]);
  }
});
