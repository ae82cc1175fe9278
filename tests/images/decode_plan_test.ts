/** What is refused by its header alone, before memory is taken. */
import assert from "node:assert/strict";
import { decodeImage } from "../../lib/images/decode.ts";
import { Failure } from "../../lib/failure.ts";
import {
  concatenated,
  latin1,
  placeOf,
  plainFile,
  segment,
  SOF0,
  SOS,
  withSegment,
} from "./jpeg_files.ts";
import { blackPng } from "./png_files.ts";
import {
  BITS,
  COMPRESSION,
  EXTRA_SAMPLES,
  HEIGHT,
  PHOTOMETRIC,
  PLANAR,
  SAMPLE_FORMAT,
  SAMPLES,
  tiffFile,
  type TiffTags,
  WIDTH,
} from "./tiff_files.ts";

async function reasonOf(file: Uint8Array): Promise<string> {
  const error = await decodeImage(file).then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof Failure && error.kind === "data", String(error));
  return error.message;
}

/** A JPEG file whose frame says this size. */
async function jpegOf(width: number, height: number, progressive: boolean): Promise<Uint8Array> {
  const file = await plainFile({ progressive });
  const at = placeOf(file, progressive ? 0xc2 : SOF0);
  new DataView(file.buffer).setUint16(at + 5, height);
  new DataView(file.buffer).setUint16(at + 7, width);
  return file;
}

function tiffOf(tags: TiffTags): Uint8Array {
  return tiffFile({ width: 4, height: 4, data: new Uint8Array(1024), tags });
}

/** What is said of an image that takes too much. */
function tooLarge(format: string, size: string): RegExp {
  return new RegExp(
    `^Cannot decode: the ${format} is over the limit: ${size} pixels take \\d+ MB of memory to decode, ` +
      `wanted at most 504 MB, make it smaller$`,
  );
}

Deno.test("decodeImage() refuses images that would take too much memory, with size and limit", async () => {
  assert.equal(
    await reasonOf(blackPng({ width: 30_000, height: 30_000 })),
    "Cannot decode: the PNG is over the limit: 30000x30000 pixels take 2722 MB of memory to decode, " +
      "wanted at most 504 MB, make it smaller",
  );
  assert.match(
    await reasonOf(blackPng({ width: 16_383, height: 16_383 })),
    tooLarge("PNG", "16383x16383"),
  );
  const interlaced = blackPng({ width: 11_000, height: 11_000, interlaced: true, bits: 16 });
  assert.match(await reasonOf(interlaced), tooLarge("PNG", "11000x11000"));
  for (const progressive of [false, true]) {
    const jpeg = await jpegOf(16_383, 16_383, progressive);
    assert.match(await reasonOf(jpeg), tooLarge("JPEG", "16383x16383"));
  }
  // Its coefficients take twice as much as its pixels.
  assert.match(await reasonOf(await jpegOf(9000, 9000, true)), tooLarge("JPEG", "9000x9000"));
  const frame = [0xff, 0xff, 0xff, 0xff];
  const gif = [...latin1("GIF89a"), ...frame, 0xf0, 0, 0, 0, 0, 0, 255, 255, 255];
  const image = [...latin1(","), 0, 0, 0, 0, ...frame, 0, 2, 2, 0x44, 1, 0, ...latin1(";")];
  assert.match(await reasonOf(Uint8Array.of(...gif, ...image)), tooLarge("GIF", "65535x65535"));
  const wide = tiffOf({ [WIDTH]: [60_000], [HEIGHT]: [60_000] });
  assert.match(await reasonOf(wide), tooLarge("TIFF", "60000x60000"));
});

Deno.test("decodeImage() refuses images that are too long or too wide", async () => {
  const most = "wanted at most 131072 on a side, cut it into pieces";
  const limit = (format: string, size: string) =>
    `Cannot decode: the ${format} is over the limit: ${size} pixels, ${most}`;
  assert.equal(await reasonOf(blackPng({ width: 1, height: 200_000 })), limit("PNG", "1x200000"));
  const row = tiffOf({ [WIDTH]: [2 ** 31 - 1], [HEIGHT]: [1] });
  assert.equal(await reasonOf(row), limit("TIFF", "2147483647x1"));
  const huge = tiffOf({ [WIDTH]: [2 ** 32 - 1], [HEIGHT]: [2 ** 32 - 1] });
  assert.equal(await reasonOf(huge), limit("TIFF", "4294967295x4294967295"));
});

Deno.test("decodeImage() refuses JPEG files of very many scans", async () => {
  const file = await plainFile({ progressive: true });
  const scan = file.subarray(placeOf(file, SOS), -2);
  const scans = [...Array(120).keys()].flatMap(() => [...scan]);
  const bomb = concatenated(file.subarray(0, -2), scans, [0xff, 0xd9]);
  assert.match(
    await reasonOf(bomb),
    /^Cannot decode: the JPEG is over the limit: \d{3,} scans, wanted at most 100, save it again$/,
  );
});

Deno.test("decodeImage() does not take the scan of a thumbnail for one of the image", async () => {
  const file = await plainFile();
  const thumbnails = Array.from({ length: 150 }, () => segment(0xed, file.subarray(0, 2000)));
  await decodeImage(withSegment(file, concatenated(...thumbnails)));
});

Deno.test("decodeImage() refuses samples that are not 8 or 16 bits without sign, by name", async () => {
  const kinds: readonly (readonly [bits: number, format: number, name: string])[] = [
    [32, 3, "32-bit float"],
    [16, 3, "16-bit float"],
    [64, 3, "64-bit float"],
    [8, 2, "8-bit signed integer"],
    [16, 2, "16-bit signed integer"],
    [32, 2, "32-bit signed integer"],
    [32, 1, "32-bit unsigned integer"],
    [64, 1, "64-bit unsigned integer"],
    [12, 1, "12-bit unsigned integer"],
    [32, 5, "32-bit complex integer"],
    [64, 6, "64-bit complex"],
  ];
  for (const [bits, format, name] of kinds) {
    const wanted =
      `Cannot decode: the TIFF is not supported: ${name} samples, wanted 8 or 16 bits ` +
      "without sign, scale them to 0..255 or 0..65535 and save them as PNG or TIFF";
    const grey = { [BITS]: [bits], [SAMPLE_FORMAT]: [format] };
    assert.equal(await reasonOf(tiffOf(grey)), wanted);
    const three = { [BITS]: [bits, bits, bits], [SAMPLE_FORMAT]: [format, format, format] };
    assert.equal(
      await reasonOf(tiffOf({ ...three, [PHOTOMETRIC]: [2], [SAMPLES]: [3] })),
      wanted,
    );
  }
});

Deno.test("decodeImage() refuses bands and colours that it would take for others", async () => {
  const not = (what: string) => `Cannot decode: the TIFF is not supported: ${what}`;
  const bands = (samples: number, photometric: number) =>
    tiffOf({
      [SAMPLES]: [samples],
      [BITS]: Array(samples).fill(8),
      [PHOTOMETRIC]: [photometric],
      [EXTRA_SAMPLES]: samples > 3 ? Array(samples - 3).fill(0) : undefined,
    });
  assert.equal(await reasonOf(bands(5, 2)), not("5 bands, wanted 1 to 4"));
  assert.equal(await reasonOf(bands(5, 5)), not("5 bands, wanted 1 to 4"));
  assert.equal(await reasonOf(bands(300, 1)), not("300 bands, wanted 1 to 4"));
  const grey = "wanted 1 or, with alpha, 2 for its kind of colours";
  assert.equal(await reasonOf(bands(3, 1)), not(`bands: 3, ${grey}`));
  assert.equal(await reasonOf(bands(4, 1)), not(`bands: 4, ${grey}`));
  const rgb = "wanted 3 or, with alpha, 4 for its kind of colours";
  assert.equal(await reasonOf(bands(1, 2)), not(`bands: 1, ${rgb}`));
  const wanted = "wanted grey, RGB, palette, CMYK or YCbCr";
  assert.equal(await reasonOf(bands(3, 8)), not(`CIELAB colours, ${wanted}`));
  assert.equal(await reasonOf(bands(1, 32_803)), not(`a colour filter array, ${wanted}`));
  assert.equal(await reasonOf(bands(1, 99)), not(`photometric interpretation 99, ${wanted}`));
});

Deno.test("decodeImage() refuses YCbCr that it would take for RGB", async () => {
  const colors = { [SAMPLES]: [3], [BITS]: [8, 8, 8], [PHOTOMETRIC]: [6] };
  const refused = (how: string) =>
    `Cannot decode: the TIFF is not supported: YCbCr colours ${how}, save it as RGB`;
  for (const compression of [1, 5, 8]) {
    const file = tiffOf({ ...colors, [COMPRESSION]: [compression] });
    assert.equal(await reasonOf(file), refused("without JPEG compression"));
  }
  const planes = tiffOf({ ...colors, [COMPRESSION]: [7], [PLANAR]: [2] });
  assert.equal(await reasonOf(planes), refused("in planes"));
});

Deno.test("decodeImage() gets on with directories that form a circle or lead out of the file", async () => {
  const file = tiffFile({ width: 1, height: 1, data: Uint8Array.of(9) });
  const next = 8 + 2 + 12 * new DataView(file.buffer).getUint16(8, true);
  for (const place of [8, next, file.length, 0xfffffff0]) {
    const changed = Uint8Array.from(file);
    new DataView(changed.buffer).setUint32(next, place, true);
    await decodeImage(changed).catch((error: unknown) => assert.ok(error instanceof Failure));
    const lost = Uint8Array.from(file);
    new DataView(lost.buffer).setUint32(4, place, true);
    await decodeImage(lost).catch((error: unknown) => assert.ok(error instanceof Failure));
  }
  assert.match(await reasonOf(tiffOf({ [COMPRESSION]: [1], [WIDTH]: [0] })), /^Cannot decode: /);
});
