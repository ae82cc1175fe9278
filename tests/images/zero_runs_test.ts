/** Zeros in the place of picture data: files whose tail or block was lost, though their length is right. */
import assert from "node:assert/strict";
import fc from "fast-check";
import sharp, { type Sharp } from "sharp";
import { hasZeroRun } from "../../lib/images/jpeg/zero_runs.ts";
import { concatenated, jpegFile, latin1, SMALL } from "./jpeg_files.ts";
import { verdictsOf } from "./judging.ts";

/** Whether all files are whole, or none is: `DAMAGED` is said of each then. */
async function expectAll(wanted: "whole" | "damaged", all: Readonly<Record<string, Uint8Array>>) {
  const { files } = await verdictsOf(all);
  assert.deepEqual(Object.keys(files), Object.keys(all).sort());
  for (const [name, verdict] of Object.entries(files)) {
    if (wanted === "damaged") assert.match(String(verdict), DAMAGED, name);
    else assert.equal(typeof verdict, "object", `${name}: ${verdict}`);
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
    await expectAll("whole", {
      plain: file,
      padded: concatenated(file, new Uint8Array(3000)),
      trailing: concatenated(file, latin1("more")),
    });
    const damaged: Record<string, Uint8Array> = {};
    for (const share of [0.1, 0.3, 0.5, 0.7, 0.9, 0.99]) {
      const at = Math.floor(file.length * share);
      damaged[`tail from ${share}`] = zeroed(file, at);
      if (share <= 0.9) damaged[`block at ${share}`] = zeroed(file, at, at + 512);
    }
    await expectAll("damaged", damaged);
  });
}

Deno.test("progressive JPEG files of which a tail or a block is zeros are damaged", async () => {
  const file = await jpegFile({ ...LARGE, options: { progressive: true } });
  await expectAll("whole", { file });
  const damaged: Record<string, Uint8Array> = {};
  for (let at = 1000; at < file.length - 800; at += 997) {
    damaged[`tail from ${at}`] = zeroed(file, at);
    damaged[`block at ${at}`] = zeroed(file, at, at + 512);
  }
  await expectAll("damaged", damaged);
});

Deno.test("pictures of one colour are whole, whatever their codes look like", async () => {
  const files: Record<string, Uint8Array> = {};
  const keep = async (encoder: Sharp) => {
    files[`file ${Object.keys(files).length}`] = await encoder.toBuffer();
  };
  for (const background of ["#000000", "#f18181"]) {
    const create = { width: 1000, height: 700, channels: 3, background } as const;
    const plain = sharp({ create });
    const noisy = await sharp(await jpegFile({ ...LARGE, options: {} })).toBuffer();
    for (const picture of [plain, plain.clone().composite([{ input: noisy, left: 9, top: 9 }])]) {
      for (const optimizeCoding of [false, true]) {
        for (const quality of [10, 100]) {
          const grey = picture.clone().toColourspace("b-w").jpeg({ optimizeCoding, quality });
          for (const encoder of [picture.clone().jpeg({ optimizeCoding, quality }), grey]) {
            await keep(encoder);
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
      ) await keep(encoder);
    }
  }
  await expectAll("whole", files);
});
