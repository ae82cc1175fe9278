import assert from "node:assert/strict";
import sharp from "sharp";
import { decodePixels, useImage } from "../../lib/images/decode.ts";
import { DecodeBudget } from "../../lib/images/decode_budget.ts";
import { decodeSmallPng } from "../../lib/images/small_png.ts";

Deno.test("decodeSmallPng() gives the pixels that libvips gives, for every grey and every channel", async () => {
  const values = Uint8Array.from({ length: 768 }, (_, i) => (i * 7) & 255);
  for (const channels of [1, 3] as const) {
    const raw = { height: 16, width: 16, channels };
    const file = await sharp(values.subarray(0, 256 * channels), { raw })
      .toColourspace(channels === 1 ? "b-w" : "srgb").png().toBuffer();
    assert.equal((await sharp(file).metadata()).channels, channels);
    const small = decodeSmallPng(file)!, whole = await decodePixels(file, "warning");
    assert.deepEqual([small.height, small.width], [16, 16]);
    assert.ok(Buffer.compare(small.data, whole.data) === 0);
  }
});

Deno.test("useImage() counts the memory of a small PNG while it is worked with, and leaves large ones to libvips", async () => {
  const pictureOf = (side: number) =>
    sharp({ create: { width: side, height: side, channels: 3, background: "#246" } }).png()
      .toBuffer();
  const budget = new DecodeBudget(), used = () => new Int32Array(budget.shared)[2]!;
  const [small, large] = [await pictureOf(128), await pictureOf(129)];
  assert.notEqual(decodeSmallPng(small), undefined);
  assert.equal(decodeSmallPng(large), undefined);
  for (const file of [small, large]) {
    const pixels = await useImage(file, ({ data }) => {
      assert.ok(used() > 0);
      return [...data.subarray(0, 3)];
    }, budget);
    assert.deepEqual([pixels, used()], [[0x22, 0x44, 0x66], 0]);
  }
});
