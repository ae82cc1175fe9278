import assert from "node:assert/strict";
import fc from "fast-check";
import sharp from "sharp";
import { decodeImage, encodeShorterSide, type RgbImage } from "../../lib/images/decode.ts";
import { Failure } from "../../lib/failure.ts";
import { plain, redLeftOfBlue, speckled } from "./pictures.ts";

const COLOR = { r: 200, g: 100, b: 50 };

function pixel({ data, width }: RgbImage, at: { x: number; y: number }): number[] {
  const place = 3 * (at.y * width + at.x);
  return [...data.subarray(place, place + 3)];
}

function assertNear(got: readonly number[], wanted: readonly number[], tolerance: number): void {
  const worst = Math.max(...wanted.map((value, i) => Math.abs(value - got[i]!)));
  assert.ok(worst <= tolerance, `wanted ${wanted} within ${tolerance}, got ${got}`);
}

async function reasonOf(bytes: Uint8Array): Promise<string> {
  try {
    await decodeImage(bytes);
  } catch (error) {
    assert.ok(error instanceof Failure && error.kind === "data", String(error));
    return error.message;
  }
  return "decoded";
}

for (const format of ["jpeg", "png", "webp", "avif", "gif", "tiff"] as const) {
  Deno.test(`decodeImage() reads ${format}`, async () => {
    const image = await decodeImage(await plain({ color: COLOR }).toFormat(format).toBuffer());
    assert.deepEqual([image.width, image.height, image.data.length], [24, 16, 24 * 16 * 3]);
    assertNear(pixel(image, { x: 5, y: 5 }), [200, 100, 50], 4);
  });

  Deno.test(`decodeImage() refuses ${format} files that are cut short`, async () => {
    const whole = await speckled().toFormat(format).toBuffer();
    const lengths = fc.integer({ min: 1, max: Math.floor(whole.length * 0.97) });
    await fc.assert(
      fc.asyncProperty(lengths, async (length) => {
        assert.notEqual(await reasonOf(whole.subarray(0, length)), "decoded");
      }),
      { numRuns: 25, seed: 1 },
    );
  });
}

Deno.test("decodeImage() says what a file is instead", async () => {
  const text = (value: string) => new TextEncoder().encode(value);
  assert.equal(await reasonOf(text("")), "Cannot decode: the file is empty (0 bytes)");
  const formats = "JPEG, PNG, WebP, AVIF, GIF or TIFF";
  assert.equal(await reasonOf(text("hello")), `Cannot decode: not an image, wanted ${formats}`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>`;
  assert.equal(await reasonOf(text(svg)), `Cannot decode: not an image, wanted ${formats}`);
  const bmp = `Cannot decode: wanted ${formats}, got BMP, convert it first`;
  assert.equal(await reasonOf(text("BM      ")), bmp);
  const heic = `Cannot decode: wanted ${formats}, got HEIC, convert it first`;
  assert.equal(await reasonOf(text("\0\0\0\x18ftypheic\0\0\0\0mif1heic")), heic);
});

Deno.test("decodeImage() turns pictures by their EXIF orientation", async () => {
  const red = [254, 0, 0], blue = [0, 0, 254];
  const cases = [
    [1, 64, 32, { x: 4, y: 16 }, { x: 60, y: 16 }],
    [2, 64, 32, { x: 60, y: 16 }, { x: 4, y: 16 }],
    [3, 64, 32, { x: 60, y: 16 }, { x: 4, y: 16 }],
    [6, 32, 64, { x: 16, y: 4 }, { x: 16, y: 60 }],
    [8, 32, 64, { x: 16, y: 60 }, { x: 16, y: 4 }],
  ] as const;
  for (const [orientation, width, height, redAt, blueAt] of cases) {
    const image = await decodeImage(await redLeftOfBlue(orientation));
    assert.deepEqual([image.width, image.height], [width, height]);
    assertNear(pixel(image, redAt), red, 3);
    assertNear(pixel(image, blueAt), blue, 3);
  }
});

Deno.test("decodeImage() converts CMYK, grey and 16-bit samples", async () => {
  const at = { x: 3, y: 3 };
  for (const format of ["jpeg", "tiff"] as const) {
    const cmyk = await plain({ color: COLOR }).toColourspace("cmyk").toFormat(format).toBuffer();
    assert.equal((await sharp(cmyk).metadata()).space, "cmyk");
    assertNear(pixel(await decodeImage(cmyk), at), [200, 100, 50], 32);
  }
  for (const space of ["b-w", "grey16"] as const) {
    const grey = await plain({ color: COLOR }).toColourspace(space).png().toBuffer();
    assert.equal((await sharp(grey).metadata()).channels, 1);
    assertNear(pixel(await decodeImage(grey), at), [128, 128, 128], 1);
  }
  const deep = await plain({ color: COLOR }).toColourspace("rgb16").png().toBuffer();
  assert.equal((await sharp(deep).metadata()).depth, "ushort");
  assertNear(pixel(await decodeImage(deep), at), [200, 100, 50], 1);
});

Deno.test("decodeImage() lays transparent pictures on white", async () => {
  const at = { x: 3, y: 3 };
  // 255 * 0.5 + colour * 0.5, with alpha rounded to 128 / 255.
  const half = plain({ color: COLOR, alpha: 0.5 });
  assertNear(pixel(await decodeImage(await half.png().toBuffer()), at), [227, 177, 152], 1);
  const deep = await half.clone().toColourspace("rgb16").png().toBuffer();
  assert.equal((await sharp(deep).metadata()).depth, "ushort");
  assertNear(pixel(await decodeImage(deep), at), [227, 177, 152], 1);
  const clear = await plain({ color: COLOR, alpha: 0 }).webp({ lossless: true }).toBuffer();
  assert.deepEqual(pixel(await decodeImage(clear), at), [255, 255, 255]);
  const grey = await half.clone().toColourspace("b-w").png().toBuffer();
  assertNear(pixel(await decodeImage(grey), at), [191, 191, 191], 2);
});

Deno.test("decodeImage() takes the first frame of an animation", async () => {
  const frames = await Promise.all(
    [COLOR, { r: 0, g: 0, b: 0 }].map((color) => plain({ color }).png().toBuffer()),
  );
  for (const format of ["gif", "webp"] as const) {
    const animated = await sharp(frames, { join: { animated: true } }).toFormat(format).toBuffer();
    assert.equal((await sharp(animated).metadata()).pages, 2);
    const image = await decodeImage(animated);
    assert.deepEqual([image.width, image.height], [24, 16]);
    assertNear(pixel(image, { x: 3, y: 3 }), [200, 100, 50], 4);
  }
});

Deno.test("decodeImage() takes the still image of an AVIF animation", async () => {
  const still = await plain({ color: COLOR }).avif().toBuffer();
  for (const brand of ["avis", "MA1B", "miaf"]) {
    const other = still.slice();
    other.set(new TextEncoder().encode(brand), 8); // Its brands begin with the major one.
    assert.deepEqual(await decodeImage(other), await decodeImage(still), brand);
  }
});

Deno.test("encodeShorterSide() shrinks and keeps the proportions", async () => {
  const image = await decodeImage(
    await plain({ width: 90, height: 60, color: COLOR }).png().toBuffer(),
  );
  const small = await encodeShorterSide(image, 20);
  assert.deepEqual([small.width, small.height], [30, 20]);
  const again = await decodeImage(small.data);
  assert.deepEqual([again.width, again.height], [30, 20]);
  assertNear(pixel(again, { x: 3, y: 3 }), [200, 100, 50], 2);
});
