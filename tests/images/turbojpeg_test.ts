/** libturbojpeg gives the pixels of sharp or none: a run does not depend on which of them decodes. */
import assert from "node:assert/strict";
import fc from "fast-check";
import sharp, { type JpegOptions } from "sharp";
import { decodeImage, decodePixels } from "../../lib/images/decode.ts";
import { decodePlainJpeg, HAS_TURBOJPEG } from "../../lib/images/turbojpeg.ts";
import { ROOT } from "../run_stage.ts";
import { decodedHashes } from "./decoded_hashes.ts";
import {
  APP14,
  APP2,
  concatenated,
  DHT,
  DQT,
  exifSegment,
  fixtureFile,
  jpegFile,
  type JpegKind,
  latin1,
  plainFile,
  segment,
  withoutSegments,
  withSegment,
} from "./jpeg_files.ts";

if (!HAS_TURBOJPEG) console.error("libturbojpeg is not there: tests that compare it are left out");

/** A test that needs the library. */
function compare(name: string, test: () => Promise<void>): void {
  Deno.test({ name, ignore: !HAS_TURBOJPEG, fn: test });
}

/** @returns whether libturbojpeg has decoded the file; then sharp has the same pixels, or this throws */
async function isDecodedAlike(file: Uint8Array): Promise<boolean> {
  const fast = await decodePlainJpeg(file);
  if (fast === undefined) return false;
  const { width, height, data } = await decodePixels(file, "error");
  assert.deepEqual([fast.width, fast.height], [width, height]);
  // Not one after the other by assert: pictures are long.
  assert.ok(Buffer.compare(fast.data, data) === 0, "other pixels");
  return true;
}

const ENCODINGS: fc.Arbitrary<JpegOptions> = fc.record({
  quality: fc.integer({ min: 1, max: 100 }),
  chromaSubsampling: fc.constantFrom("4:2:0", "4:4:4"),
  progressive: fc.boolean(),
  optimiseCoding: fc.boolean(),
  trellisQuantisation: fc.boolean(),
  optimiseScans: fc.boolean(),
  quantisationTable: fc.integer({ min: 0, max: 8 }),
});

const KINDS: fc.Arbitrary<JpegKind> = fc.record({
  width: fc.integer({ min: 1, max: 70 }),
  height: fc.integer({ min: 1, max: 70 }),
  seed: fc.integer(),
  noise: fc.constantFrom(0, 0.1, 0.5, 1),
  grey: fc.boolean(),
  options: ENCODINGS,
});

compare("decodePlainJpeg() gives the pixels of sharp for all that sharp writes", async () => {
  await fc.assert(
    fc.asyncProperty(KINDS, async (kind) => {
      assert.ok(await isDecodedAlike(await jpegFile(kind)), "not plain");
    }),
    { numRuns: 300, seed: 1 },
  );
});

compare("decodePlainJpeg() gives the pixels of sharp for large pictures", async () => {
  for (const options of [{}, { chromaSubsampling: "4:4:4" }, { progressive: true }]) {
    const kind = { width: 1201, height: 903, seed: 1, noise: 0.2, grey: false, options };
    assert.ok(await isDecodedAlike(await jpegFile(kind)));
  }
});

compare(
  "decodePlainJpeg() gives the pixels of sharp for 4:2:2 and with restart markers",
  async () => {
    for (const name of ["422", "restarts", "progressive-restarts"]) {
      assert.ok(await isDecodedAlike(await fixtureFile(name)), name);
    }
  },
);

compare("decodePlainJpeg() does not care for what comes after the end", async () => {
  for (const progressive of [false, true]) {
    const file = await plainFile({ progressive });
    const views = [concatenated(file, latin1("garbage")), concatenated(file, file)];
    for (const view of views) assert.ok(await isDecodedAlike(view));
    const part = concatenated(latin1("before"), file, latin1("after")).subarray(6);
    assert.ok(await isDecodedAlike(part));
  }
});

compare("decodePlainJpeg() never takes tables from the file before", async () => {
  const other = await plainFile({ quality: 5 });
  const standard = await plainFile({ optimiseCoding: false, trellisQuantisation: false });
  for (let again = 0; again < 3; again++) {
    assert.ok(await isDecodedAlike(other));
    // The standard's own tables: decoders know them.
    assert.ok(await isDecodedAlike(withoutSegments(standard, DHT)));
    assert.equal(await decodePlainJpeg(withoutSegments(standard, DQT)), undefined);
  }
});

compare("decodePlainJpeg() leaves damaged files to sharp, or gives the same pixels", async () => {
  const files = await Promise.all([
    plainFile(),
    plainFile({ progressive: true }),
    fixtureFile("restarts"),
    fixtureFile("progressive-restarts"),
  ]);
  const change = fc.record({ at: fc.nat(), value: fc.nat(255) });
  const damages = fc.record({
    file: fc.constantFrom(...files),
    changes: fc.array(change, { maxLength: 3 }),
    removed: fc.record({ at: fc.nat(), length: fc.constantFrom(0, 0, 1, 2, 40) }),
  });
  let decoded = 0;
  await fc.assert(
    fc.asyncProperty(damages, async ({ file, changes, removed }) => {
      const damaged = [...file];
      for (const { at, value } of changes) damaged[at % file.length] = value;
      damaged.splice(removed.at % file.length, removed.length);
      if (await isDecodedAlike(Uint8Array.from(damaged))) decoded++;
    }),
    { numRuns: 300, seed: 1 },
  );
  assert.ok(decoded > 30 && decoded < 270, `${decoded} of 300`);
});

compare("decodePlainJpeg() leaves files that are cut short to sharp", async () => {
  for (const progressive of [false, true]) {
    const file = await plainFile({ progressive });
    for (let length = 0; length < file.length; length += 7) {
      assert.equal(await decodePlainJpeg(file.subarray(0, length)), undefined);
    }
    assert.equal(await decodePlainJpeg(file.subarray(0, -1)), undefined);
  }
});

compare("decodePlainJpeg() reads EXIF blocks as sharp does, or leaves them to it", async () => {
  const file = await plainFile();
  const entry = fc.record({
    tag: fc.constantFrom(0x0112, 0x0112, 0x0100, 0x8769, 0xa001),
    type: fc.integer({ min: 0, max: 13 }),
    count: fc.integer({ min: 0, max: 3 }),
    value: fc.integer({ min: 0, max: 9 }),
  });
  let decoded = 0;
  const blocks = fc.record({
    entries: fc.array(entry, { maxLength: 4 }),
    little: fc.boolean(),
    change: fc.option(fc.record({ at: fc.nat(), value: fc.nat(255) })),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(blocks, { minLength: 1, maxLength: 2 }), async (some) => {
      const added = some.map(({ entries, little, change }) => {
        const block = exifSegment(entries, little);
        // Behind the marker and its length.
        if (change !== null) block[4 + change.at % (block.length - 4)] = change.value;
        return block;
      });
      if (await isDecodedAlike(withSegment(file, concatenated(...added)))) decoded++;
    }),
    { numRuns: 300, seed: 1 },
  );
  assert.ok(decoded > 30 && decoded < 270, `${decoded} of 300`);
});

compare("decodeImage() gives the pixels of sharp for files that are not plain", async () => {
  const picture = sharp(await plainFile());
  const files = [
    await picture.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    await picture.clone().withIccProfile("p3").jpeg().toBuffer(),
    await picture.clone().toColourspace("cmyk").jpeg().toBuffer(),
    await fixtureFile("440"),
    await fixtureFile("411"),
    withSegment(await plainFile(), segment(APP2, latin1("MPF\0"))),
    withSegment(await plainFile(), segment(APP14, [...latin1("Adobe"), 0, 100, 0, 0, 0, 0, 0])),
  ];
  for (const file of files) {
    assert.equal(await decodePlainJpeg(file), undefined);
    const [got, wanted] = [await decodeImage(file), await decodePixels(file, "error")];
    assert.deepEqual([got.width, got.height], [wanted.width, wanted.height]);
    assert.ok(Buffer.compare(got.data, wanted.data) === 0);
  }
});

Deno.test("decodeImage() gives the same pixels where libturbojpeg may not be loaded", async () => {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-env",
      "--allow-ffi=node_modules", // sharp, and no library of the system.
      "tests/images/decoded_hashes.ts",
    ],
    cwd: ROOT,
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(text !== "", new TextDecoder().decode(stderr));
  assert.deepEqual(JSON.parse(text), { hasTurbojpeg: false, hashes: await decodedHashes() });
});
