/** Zeros in the place of picture data: files whose tail or block was lost, though their length is right. */
import assert from "node:assert/strict";
import fc from "fast-check";
import sharp from "sharp";
import { decodeImage } from "../../lib/data/decode.ts";
import { sniffFormat } from "../../lib/data/image_format.ts";
import { expectWholePicture } from "../../lib/data/silent_damage.ts";
import { hasZeroRun } from "../../lib/data/zero_runs.ts";
import { messageOf } from "../../lib/failure.ts";
import { concatenated, jpegFile, latin1, SMALL } from "./jpeg_files.ts";

/** What is said of a file, by the decoder or behind it. */
async function verdictOn(file: Uint8Array): Promise<string> {
  try {
    await decodeImage(file);
    await expectWholePicture(file, sniffFormat(file)!);
    return "whole";
  } catch (error) {
    return messageOf(error);
  }
}

/** The file with zeros from a place on, as long as it was. */
function zeroed(file: Uint8Array, from: number, to = file.length): Uint8Array {
  return file.slice().fill(0, from, to);
}

const LARGE = { ...SMALL, width: 300, height: 200, noise: 0.6 };

const DAMAGED = /^Cannot decode: the \w+ is truncated or damaged /;

Deno.test("hasZeroRun() finds 256 zeros wherever they are, and no fewer", () => {
  fc.assert(
    fc.property(
      fc.nat(700),
      fc.nat(700),
      fc.integer({ min: 0, max: 600 }),
      (before, behind, run) => {
        const bytes = new Uint8Array(before + run + behind).fill(7);
        bytes.fill(0, before, before + run);
        assert.equal(hasZeroRun(bytes), run >= 256);
      },
    ),
    { seed: 1, numRuns: 300 },
  );
  // Shorter ones beside each other.
  const many = Uint8Array.from({ length: 5000 }, (_, i) => i % 256 === 0 ? 1 : 0);
  assert.equal(hasZeroRun(many), false);
});

for (
  const [kind, options] of Object.entries({
    baseline: {},
    optimised: { optimizeCoding: true },
  })
) {
  Deno.test(`${kind} JPEG files of which a tail or a block is zeros are damaged`, async () => {
    const file = await jpegFile({ ...LARGE, options });
    assert.equal(await verdictOn(file), "whole");
    assert.equal(await verdictOn(concatenated(file, new Uint8Array(3000))), "whole", "padded");
    assert.equal(await verdictOn(concatenated(file, latin1("more"))), "whole", "trailing");
    for (const share of [0.1, 0.3, 0.5, 0.7, 0.9, 0.99]) {
      const at = Math.floor(file.length * share);
      assert.match(await verdictOn(zeroed(file, at)), DAMAGED, `tail from ${share}`);
      if (share > 0.9) continue;
      assert.match(await verdictOn(zeroed(file, at, at + 512)), DAMAGED, `block at ${share}`);
    }
  });
}

Deno.test("progressive JPEG files of which a tail or a block is zeros are damaged", async () => {
  const file = await jpegFile({ ...LARGE, options: { progressive: true } });
  assert.equal(await verdictOn(file), "whole");
  for (let at = 1000; at < file.length - 800; at += 997) {
    assert.match(await verdictOn(zeroed(file, at)), DAMAGED, `tail from ${at}`);
    assert.match(await verdictOn(zeroed(file, at, at + 512)), DAMAGED, `block at ${at}`);
  }
});

Deno.test("pictures of one colour are whole, whatever their codes look like", async () => {
  for (const background of ["#000000", "#f18181"]) {
    const create = { width: 1000, height: 700, channels: 3, background } as const;
    const plain = sharp({ create });
    const noisy = await sharp(await jpegFile({ ...LARGE, options: {} })).toBuffer();
    for (const picture of [plain, plain.clone().composite([{ input: noisy, left: 9, top: 9 }])]) {
      for (const optimizeCoding of [false, true]) {
        for (const quality of [10, 100]) {
          const grey = picture.clone().toColourspace("b-w").jpeg({ optimizeCoding, quality });
          for (const encoder of [picture.clone().jpeg({ optimizeCoding, quality }), grey]) {
            assert.equal(await verdictOn(await encoder.toBuffer()), "whole");
          }
        }
      }
      for (
        const encoder of [
          picture.clone().jpeg({ progressive: true }),
          picture.clone().toColourspace("b-w").jpeg({ progressive: true }),
          picture.clone().webp(),
          picture.clone().webp({ lossless: true }),
        ]
      ) assert.equal(await verdictOn(await encoder.toBuffer()), "whole");
    }
  }
});
