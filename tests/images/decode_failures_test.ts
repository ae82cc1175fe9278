import assert from "node:assert/strict";
import { join } from "node:path";
import sharp from "sharp";
import { ROOT } from "../run_stage.ts";
import { outputOf, verdictsOf } from "./judging.ts";
import {
  APP1,
  APP14,
  APP2,
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
import { speckled } from "./pictures.ts";
import {
  COLOR_MAP,
  PHOTOMETRIC,
  STRIP_BYTES,
  STRIP_OFFSETS,
  tiffFile,
  type TiffTags,
  tiledFile,
} from "./tiff_files.ts";

interface Verdicts {
  readonly whole: string;
  readonly paddedIsWhole: boolean;
  readonly lastBytesMissing: string;
  readonly cutShort: string;
  readonly paddedCutShort: string;
  readonly damaged: string;
  readonly alone: readonly string[];
  readonly together: readonly string[];
}

async function readVerdicts(): Promise<Verdicts> {
  return JSON.parse(await outputOf("image_verdicts.ts"));
}

function fixture(name: string): Uint8Array {
  return Deno.readFileSync(join(ROOT, "tests/fixtures/images", name));
}

const TIFF = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => 9 * i) };
const TIFF_TAGS = { 258: [8, 8, 8], [PHOTOMETRIC]: [2], 277: [3] };
const APP0 = 0xe0, DESCRIPTION = 270, UNKNOWN_TAG = 50_123;

function tiffOf(tags: TiffTags): Uint8Array {
  return tiffFile({ ...TIFF, tags: { ...TIFF_TAGS, ...tags } });
}

/** The file with the only strip at the beginning of the file. */
function withStripAtStart(file: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(file), view = new DataView(copy.buffer);
  let at = 10;
  while (view.getUint16(at, true) !== STRIP_OFFSETS) at += 12;
  view.setUint32(at + 8, 0, true);
  return copy;
}

const PALETTE = { width: 4, height: 1, data: Uint8Array.of(0, 1, 2, 3) };

function paletteTiff(colorMap: readonly number[] | undefined): Uint8Array {
  return tiffFile({ ...PALETTE, tags: { [PHOTOMETRIC]: [3], [COLOR_MAP]: colorMap } });
}

const TILES = {
  width: 32,
  height: 16,
  data: Uint8Array.from({ length: 512 }, (_, i) => 40 + i % 200),
};

/** The file with a segment of this revision of JFIF. */
function withJfif(file: Uint8Array, major: number, minor: number): Uint8Array {
  const body = [...latin1("JFIF\0"), major, minor, 0, 0, 1, 0, 1, 0, 0];
  return withSegment(file, segment(APP0, body));
}

/** The file with a byte changed. */
function changed(file: Uint8Array, at: number, to: number): Uint8Array {
  const copy = Uint8Array.from(file);
  copy[at] = to;
  return copy;
}

Deno.test("decodeImage() tells truncation, damage and harmless padding apart", async () => {
  const verdicts = await readVerdicts();
  const truncated =
    "Cannot decode: the JPEG is truncated or damaged (VipsJpeg: premature end of JPEG image)";
  assert.equal(verdicts.whole, "good");
  assert.equal(verdicts.paddedIsWhole, true);
  assert.equal(verdicts.lastBytesMissing, truncated);
  assert.equal(verdicts.cutShort, truncated);
  assert.match(verdicts.paddedCutShort, /premature end of JPEG image/);
  assert.match(verdicts.damaged, /^Cannot decode: the JPEG is truncated or damaged/);
});

Deno.test("decodeImage() gives each image its own verdict, whatever is decoded beside it", async () => {
  const { alone, together } = await readVerdicts();
  assert.equal(new Set(alone).size, 4);
  assert.equal(together.length, 150);
  assert.deepEqual(together, alone);
});

Deno.test("decodeImage() keeps files whose faults no viewer shows, whole", async () => {
  const jpeg = await plainFile({ progressive: false });
  const frame = placeOf(jpeg, SOF0), scan = placeOf(jpeg, SOS);
  const adobe = (transform: number) =>
    segment(APP14, [...latin1("Adobe"), 0, 100, 0, 0, 0, 0, transform]);
  const same: Record<string, Uint8Array> = {
    "whole.jpg": jpeg,
    "jfif-0.0.jpg": withJfif(jpeg, 0, 0),
    "jfif-7.99.jpg": withJfif(jpeg, 7, 99),
    "adobe-transform-5.jpg": withSegment(jpeg, adobe(5)),
    "adobe-short.jpg": withSegment(jpeg, segment(APP14, latin1("Adobe"))),
    "padded.jpg": concatenated(jpeg.subarray(0, frame), [0, 1, 2], jpeg.subarray(frame)),
    "padded-scan.jpg": concatenated(jpeg.subarray(0, scan), [0, 0], jpeg.subarray(scan)),
    "padded-end.jpg": concatenated(jpeg.subarray(0, -2), [0, 0, 0], jpeg.subarray(-2)),
    "fill-bytes.jpg": concatenated(jpeg.subarray(0, frame), [255, 255], jpeg.subarray(frame)),
    "sequential-parameters.jpg": changed(jpeg, scan + 12, 0),
    "exif-junk.jpg": withSegment(jpeg, segment(APP1, latin1("Exif\0\0zzzzzzzz"))),
    "icc-junk.jpg": withSegment(jpeg, segment(APP2, latin1("ICC_PROFILE\0\x01\x01junk"))),
    "icc-part-missing.jpg": withSegment(jpeg, segment(APP2, latin1("ICC_PROFILE\0\x01\x03x"))),
    "trailing.jpg": concatenated(jpeg, latin1("garbage")),
  };
  const tiff = tiffOf({});
  const sameTiff: Record<string, Uint8Array> = {
    "whole.tif": tiff,
    "unknown-tag.tif": tiffOf({ [UNKNOWN_TAG]: [1] }),
    "text-not-ended.tif": tiffOf({ [DESCRIPTION]: [0x4141, 0x4242] }),
    "byte-counts.tif": tiffOf({ [STRIP_BYTES]: [1] }),
    "trailing.tif": concatenated(tiff, latin1("garbage")),
  };
  const others: Record<string, Uint8Array> = {
    "tiles.tif": tiledFile(TILES, [256, 256]),
    "palette.tif": paletteTiff(Array.from({ length: 768 }, (_, i) => 256 * (i % 256))),
    "jfif-revision-0.jpg": fixture("jfif-revision-0.jpg"),
    "tags-not-sorted.tif": fixture("tags-not-sorted.tif"),
  };
  const pairs: [string, string][] = [];
  for (const format of ["png", "webp", "gif", "avif"] as const) {
    const whole = new Uint8Array(await speckled(16).toFormat(format).toBuffer());
    others[`whole.${format}`] = whole;
    others[`trailing.${format}`] = concatenated(whole, latin1("garbage"));
    pairs.push([`whole.${format}`, `trailing.${format}`]);
  }
  const { files } = await verdictsOf({ ...same, ...sameTiff, ...others });
  for (const name of Object.keys(same)) pairs.push(["whole.jpg", name]);
  for (const name of Object.keys(sameTiff)) pairs.push(["whole.tif", name]);
  for (const [whole, name] of pairs) assert.deepEqual(files[name], files[whole], name);
  const sizes = Object.entries(files).map(([name, file]) => [name, typeof file]);
  assert.deepEqual(sizes, sizes.map(([name]) => [name, "object"]));
});

Deno.test("decodeImage() tells what is damaged from what is not supported", async () => {
  const jpeg = await plainFile({ progressive: false }), frame = placeOf(jpeg, SOF0);
  const scan = placeOf(jpeg, SOS);
  const restarts = Deno.readFileSync(join(ROOT, "tests/fixtures/jpeg/restarts.jpg"));
  const restart = restarts.findIndex((byte, i) =>
    byte === 0xff && (restarts[i + 1]! & 0xf8) === 0xd0
  );
  const png = new Uint8Array(await speckled(16).png().toBuffer());
  const fax = sharp({ create: { width: 99, height: 99, channels: 3, background: "#fff" } });
  const tiff = tiffOf({});
  const bilevel = new Uint8Array(
    await fax.toColourspace("b-w").tiff({ compression: "ccittfax4", bitdepth: 1 }).toBuffer(),
  );
  const damaged: Record<string, Uint8Array> = {
    "end-in-scan.jpg": concatenated(jpeg.subarray(0, scan + 60), [0xff, 0xd9]),
    "without-end.jpg": jpeg.subarray(0, -2),
    "ten-times-as-high.jpg": changed(jpeg, frame + 5, 2),
    "garbage-before-restart.jpg": concatenated(
      restarts.subarray(0, restart),
      [1, 2, 3, 4],
      restarts.subarray(restart),
    ),
    // The decoder tells its first warning only, and that one is harmless.
    "jfif-and-end-in-scan.jpg": concatenated(withJfif(jpeg, 0, 0).subarray(0, scan + 78), [
      0xff,
      0xd9,
    ]),
    "padded-and-damaged.jpg": concatenated(
      jpeg.subarray(0, frame),
      [0, 1],
      changed(changed(jpeg, scan + 60, 0xff), scan + 61, 0xd5).subarray(frame),
    ),
    "cut.png": png.subarray(0, -30),
    "header.png": changed(png, 30, 0),
    "cut.tif": tiff.subarray(0, -1),
    "no-directory.tif": changed(tiff, 4, 255),
    "strip-at-start.tif": withStripAtStart(tiff),
    "palette-missing.tif": paletteTiff(undefined),
    "palette-short.tif": paletteTiff([0, 0, 0]),
    "tile-missing.tif": tiledFile(TILES, [256, 0]),
    "tile-short.tif": tiledFile(TILES, [256, 100]),
    "fax.tif": changed(bilevel, 8, 0xa5),
    "tag-and-damaged-strip.tif": tiffOf({
      ...{ 259: [32773], [DESCRIPTION]: [0x4141, 0x4242], [STRIP_BYTES]: [18] },
    }),
  };
  const unsupported: Record<string, readonly [Uint8Array, RegExp]> = {
    "zstd.tif": [fixture("zstd.tif"), /: ZSTD, a compression that is not supported, save it with /],
    "jpeg2000.tif": [tiffOf({ 259: [34712] }), /: JPEG 2000, a compression that is not supported/],
    "unknown.tif": [tiffOf({ 259: [999] }), /: number 999, a compression that is not supported/],
    "twelve-bits.jpg": [changed(jpeg, frame + 4, 12), /data precision 12/],
    "hierarchical.jpg": [changed(jpeg, frame + 1, 0xc5), /SOF type 0xc5/],
    "jpeg-ls.jpg": [changed(jpeg, frame + 1, 0xf7), /marker type 0xf7/],
    "no-height.jpg": [changed(changed(jpeg, frame + 5, 0), frame + 6, 0), /DNL not supported/],
  };
  const others = Object.fromEntries(
    Object.entries(unsupported).map(([name, [file]]) => [name, file]),
  );
  const { files } = await verdictsOf({ ...damaged, ...others });
  for (const name of Object.keys(damaged)) {
    assert.match(String(files[name]), /^Cannot decode: the \w+ is truncated or damaged/, name);
  }
  for (const [name, [, reason]] of Object.entries(unsupported)) {
    assert.match(String(files[name]), /^Cannot decode: the \w+ is not supported: /, name);
    assert.match(String(files[name]), reason, name);
  }
});

Deno.test("decodeImage() keeps large images waiting for each other", async () => {
  // 254 MB each, of which two are more than all may take.
  const side = 9200, rowBytes = side * (1 + side / 8);
  const large = blackPng({ width: side, height: side, rowBytes });
  const names = ["a", "b"];
  const { files, peakBytes } = await verdictsOf(
    Object.fromEntries(names.map((name) => [name, large])),
  );
  for (const name of names) assert.equal((files[name] as { size: string }).size, `${side}x${side}`);
  if (Deno.build.os === "linux") assert.ok(peakBytes < 4.5e8, `${peakBytes} bytes`);
});
