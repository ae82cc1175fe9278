/** Plain PNG files, held against libvips, which decodes all kinds. */
import assert from "node:assert/strict";
import fc from "fast-check";
import sharp from "sharp";
import { decodePlainPng, encodePng, type PlainPicture } from "../../lib/formats/png.ts";

const MOST_PIXELS = 1 << 14;

const PICTURES: fc.Arbitrary<PlainPicture> = fc.record({
  height: fc.integer({ min: 1, max: 12 }),
  width: fc.integer({ min: 1, max: 12 }),
  channels: fc.constantFrom(1 as const, 3 as const),
}).chain(({ height, width, channels }) => {
  const length = height * width * channels;
  return fc.uint8Array({ minLength: length, maxLength: length })
    .map((data) => ({ height, width, channels, data }));
});

function rawOf({ height, width, channels, data }: PlainPicture) {
  return sharp(data, { raw: { height, width, channels } })
    .toColourspace(channels === 1 ? "b-w" : "srgb");
}

Deno.test("encodePng() writes files that libvips reads without a warning, pixel by pixel", async () => {
  await fc.assert(
    fc.asyncProperty(PICTURES, async (picture) => {
      const read = sharp(encodePng(picture), { failOn: "warning" });
      const { format, depth, channels } = await read.metadata();
      assert.deepEqual([format, depth, channels], ["png", "uchar", picture.channels]);
      const { data, info } = await read.toColourspace(picture.channels === 1 ? "b-w" : "srgb")
        .raw().toBuffer({ resolveWithObject: true });
      assert.deepEqual([info.height, info.width], [picture.height, picture.width]);
      assert.deepEqual([...data], [...picture.data]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("decodePlainPng() gives back what encodePng() and libvips write, whatever the filters of rows", async () => {
  const filters = new Set<number>();
  await fc.assert(
    fc.asyncProperty(PICTURES, async (picture) => {
      const files = [encodePng(picture)];
      for (const adaptiveFiltering of [false, true]) {
        files.push(
          await rawOf(picture).png({ adaptiveFiltering, compressionLevel: 9 }).toBuffer(),
        );
      }
      for (const file of files) {
        const read = decodePlainPng(file, MOST_PIXELS)!;
        assert.deepEqual({ ...read, data: [...read.data] }, {
          ...picture,
          data: [...picture.data],
        });
        for (const filter of await filtersOf(file, picture)) filters.add(filter);
      }
    }),
    { numRuns: 100 },
  );
  assert.deepEqual([...filters].sort(), [0, 1, 2, 3, 4]);
});

/** The filter bytes of a file, found by another program's decompression. */
async function filtersOf(file: Uint8Array, picture: PlainPicture): Promise<number[]> {
  const text = new TextDecoder("latin1").decode(file), at = text.indexOf("IDAT");
  const length = new DataView(file.buffer, file.byteOffset).getUint32(at - 4);
  const stream = new Blob([file.slice(at + 4, at + 4 + length)]).stream()
    .pipeThrough(new DecompressionStream("deflate"));
  const lines = new Uint8Array(await new Response(stream).arrayBuffer());
  const row = 1 + picture.width * picture.channels;
  return Array.from({ length: picture.height }, (_, y) => lines[y * row]!);
}

Deno.test("decodePlainPng() passes over whatever is not plain", async () => {
  const speckles = Uint8Array.from({ length: 4 * 64 }, (_, i) => (i * 37) & 255);
  const rgb = sharp(speckles.subarray(0, 192), { raw: { height: 8, width: 8, channels: 3 } });
  const alpha = sharp(speckles, { raw: { height: 8, width: 8, channels: 4 } });
  const others = {
    alpha: alpha.png(),
    palette: rgb.clone().png({ palette: true, colours: 4 }),
    deep: rgb.clone().toColourspace("rgb16").png(),
    interlaced: rgb.clone().png({ progressive: true }),
    text: rgb.clone().withExif({ IFD0: { Copyright: "x" } }).png(),
    profile: rgb.clone().withIccProfile("p3").png(),
    jpeg: rgb.clone().jpeg(),
  };
  for (const [name, picture] of Object.entries(others)) {
    assert.equal(decodePlainPng(await picture.toBuffer(), MOST_PIXELS), undefined, name);
  }
  const plain = await rgb.clone().png().toBuffer();
  assert.notEqual(decodePlainPng(plain, 64), undefined);
  assert.equal(decodePlainPng(plain, 63), undefined, "larger");
});

Deno.test("decodePlainPng() takes no file that is damaged anywhere", async () => {
  const data = Uint8Array.from({ length: 48 }, (_, i) => (i * 37) & 255);
  const picture: PlainPicture = { height: 4, width: 4, channels: 3, data };
  for (const file of [encodePng(picture), new Uint8Array(await rawOf(picture).png().toBuffer())]) {
    for (let place = 0; place < file.length; place++) {
      const damaged = file.slice();
      damaged[place]! ^= 1 << (place % 8);
      assert.equal(decodePlainPng(damaged, MOST_PIXELS), undefined, `byte ${place}`);
      assert.equal(decodePlainPng(file.subarray(0, place), MOST_PIXELS), undefined, `cut ${place}`);
    }
    const longer = Uint8Array.of(...file, 0);
    assert.equal(decodePlainPng(longer, MOST_PIXELS), undefined, "longer");
  }
});
