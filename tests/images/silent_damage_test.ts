/** Damage that decoders are silent about, in files written by hand. */
import assert from "node:assert/strict";
import fc from "fast-check";
import sharp from "sharp";
import { decodeImage } from "../../lib/images/decode.ts";
import { sniffFormat } from "../../lib/images/image_format.ts";
import { segmentsOf } from "../../lib/images/jpeg/segments.ts";
import { expectWholePicture } from "../../lib/images/silent_damage.ts";
import { messageOf } from "../../lib/failure.ts";
import { gifFile, type SmallGif } from "./gif_files.ts";
import { concatenated, DHT, jpegFile, placeOf, plainFile, SMALL, SOS } from "./jpeg_files.ts";
import { palettePng } from "./png_files.ts";
import { plain, speckled } from "./pictures.ts";

/** Why a file is not whole, "whole" where it is; any must decode. */
async function flawOf(file: Uint8Array): Promise<string> {
  await decodeImage(file);
  const told = await expectWholePicture(file, sniffFormat(file)!).then(() => "whole", messageOf);
  return told.replace(/^Cannot decode: the \w+ is truncated or damaged \((.*)\)$/, "$1");
}

Deno.test("expectWholePicture() takes the files that sharp writes", async () => {
  const pictures = [speckled(40), plain({ color: { r: 1, g: 2, b: 3 } })];
  for (const picture of pictures) {
    const files = [
      picture.clone().gif(),
      picture.clone().gif({ interFrameMaxError: 0, colours: 5 }),
      picture.clone().png({ palette: true, colours: 5 }),
      picture.clone().png({ palette: true, progressive: true }),
      picture.clone().png(),
      picture.clone().jpeg(),
      picture.clone().jpeg({ progressive: true }),
      picture.clone().toColourspace("b-w").jpeg({ progressive: true }),
      picture.clone().toColourspace("cmyk").jpeg({ progressive: true }),
      picture.clone().webp(),
      picture.clone().tiff(),
    ];
    for (const file of files) assert.equal(await flawOf(await file.toBuffer()), "whole");
  }
});

Deno.test("expectWholePicture() finds colours of PNG beyond its palette", async () => {
  const property = fc.record({
    bits: fc.constantFrom(1, 2, 4, 8),
    width: fc.integer({ min: 1, max: 9 }),
    colors: fc.integer({ min: 1, max: 256 }),
    numbers: fc.array(fc.nat(255), { minLength: 1, maxLength: 9 }),
    isTransparent: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(property, async ({ bits, width, colors, numbers, isTransparent }) => {
      const most = 2 ** bits, size = Math.min(colors, most);
      const row = Array.from({ length: width }, (_, x) => numbers[x % numbers.length]! % most);
      const file = palettePng({
        bits: bits as 1 | 2 | 4 | 8,
        palette: Array.from({ length: size }, (_, n) => [n, n, n]),
        ...isTransparent ? { alpha: [0] } : {},
        rows: [row.map(() => 0), row],
      });
      const highest = Math.max(...row);
      const wanted = highest < size ? "whole" : `it has color ${highest} of ${size}`;
      assert.equal(await flawOf(file), wanted);
    }),
    { numRuns: 60, seed: 1 },
  );
});

const GIF: SmallGif = {
  width: 20,
  height: 30,
  colors: 16,
  codeBits: 4,
  pixels: Array.from({ length: 600 }, (_, i) => i % 16),
};

Deno.test("expectWholePicture() finds GIF pictures that lack pixels or colours", async () => {
  const cases: [gif: Partial<SmallGif>, wanted: string][] = [
    [{}, "whole"],
    [{ hasOwnTable: true }, "whole"],
    [{ isEnded: false }, "whole"],
    [{ pixels: [...GIF.pixels, ...GIF.pixels] }, "whole"],
    [{ pixels: GIF.pixels.slice(0, 599) }, "it has 599 pixels of 600"],
    [{ pixels: GIF.pixels.slice(0, 100), isEnded: false }, "it has 100 pixels of 600"],
    [{ pixels: [1] }, "it has 1 pixels of 600"],
    [{ colors: 0 }, "it has no table of colours"],
    [{ colors: 8 }, "it has color 8 of 8"],
    [{ colors: 8, hasOwnTable: true }, "it has color 8 of 8"],
    [{ colors: 8, pixels: GIF.pixels.map((n) => n === 9 ? 9 : n % 8), transparent: 9 }, "whole"],
  ];
  for (const [gif, wanted] of cases) {
    assert.equal(await flawOf(gifFile({ ...GIF, ...gif })), wanted, JSON.stringify(gif));
  }
});

Deno.test("expectWholePicture() counts the pixels of any GIF as sharp's encoder wrote them", async () => {
  const property = fc.record({
    width: fc.integer({ min: 1, max: 60 }),
    height: fc.integer({ min: 1, max: 60 }),
    colors: fc.constantFrom(2, 3, 4, 16, 100, 256),
    seed: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(property, async ({ width, height, colors, seed }) => {
      let state = seed;
      // Long runs and noise, so that codes of all lengths come up.
      const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
        state = Math.imul(state, 1664525) + 1013904223 | 0;
        return i % 700 < 300 ? 17 : state >>> 24;
      });
      const raw = { width, height, channels: 3 } as const;
      const gif = new Uint8Array(await sharp(data, { raw }).gif({ colours: colors }).toBuffer());
      assert.equal(await flawOf(gif), "whole");
      // One row more than there are.
      const higher = gif.slice(), at = higher.indexOf(0x2c, 13 + 3 * (2 << (gif[10]! & 7)));
      new DataView(higher.buffer).setUint16(at + 7, height + 1, true);
      const wanted = `it has ${width * height} pixels of ${width * (height + 1)}`;
      const told = await expectWholePicture(higher, sniffFormat(gif)!).then(() => "", messageOf);
      assert.ok(told.endsWith(`(${wanted})`), told);
    }),
    { numRuns: 60, seed: 1 },
  );
});

Deno.test("expectWholePicture() finds progressive JPEG files without their last scans", async () => {
  const file = await plainFile({ progressive: true });
  const scans = [...segmentsOf(file)].filter(({ marker }) => marker === SOS);
  assert.ok(scans.length > 5);
  for (const { start } of scans.slice(1)) {
    const cut = concatenated(file.subarray(0, start), [0xff, 0xd9]);
    assert.equal(await flawOf(cut), "scans are missing");
  }
  assert.equal(await flawOf(file), "whole");
});

Deno.test("expectWholePicture() finds JPEG files without the scans of the colours", async () => {
  const file = await plainFile({ chromaSubsampling: "4:4:4" }), scan = placeOf(file, SOS);
  const grey = await jpegFile({ ...SMALL, grey: true, options: {} }), data = placeOf(grey, SOS);
  // The header of a picture in colours, and the only scan of one without.
  const header = concatenated(file.subarray(0, scan), grey.subarray(placeOf(grey, DHT), data));
  assert.equal(await flawOf(concatenated(header, grey.subarray(data))), "scans are missing");
  assert.equal(await flawOf(file), "whole");
  assert.equal(await flawOf(grey), "whole");
});
