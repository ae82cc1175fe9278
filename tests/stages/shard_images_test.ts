/** What the stage says of images that it leaves out or that look wrong. */
import assert from "node:assert/strict";
import { join } from "node:path";
import sharp from "sharp";
import { blackPng } from "../images/png_files.ts";
import { speckled, temporaryFolder, writePicture } from "../images/pictures.ts";
import { SAMPLE_FORMAT, tiffFile } from "../images/tiff_files.ts";
import { ROOT, runStage } from "../run_stage.ts";

Deno.test("shard tells damaged, not supported and over the limit apart, and names faint images", async () => {
  await using folder = await temporaryFolder();
  const photos = join(folder.path, "photos"), out = join(folder.path, "out");
  const fixture = (name: string) => Deno.readFile(join(ROOT, "tests/fixtures/images", name));
  const good = await speckled().jpeg().toBuffer();
  const samples = Uint16Array.from({ length: 64 * 64 }, (_, i) => i);
  const raw = { width: 64, height: 64, channels: 1 } as const;
  const faint = await sharp(samples, { raw }).toColourspace("grey16").png().toBuffer();
  const float = { width: 2, height: 1, data: new Uint8Array(8) };
  const files: Record<string, Uint8Array | string> = {
    "cut.jpg": good.subarray(0, 4000),
    "faint.png": faint,
    "float.tif": tiffFile({ ...float, tags: { 258: [32], [SAMPLE_FORMAT]: [3] } }),
    "good.jpg": good,
    "jfif.jpg": await fixture("jfif-revision-0.jpg"),
    "large.png": blackPng({ width: 30_000, height: 30_000 }),
    "pointer.jpg": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n",
    "tags.tif": await fixture("tags-not-sorted.tif"),
    "zstd.tif": await fixture("zstd.tif"),
  };
  for (const [path, bytes] of Object.entries(files)) await writePicture(join(photos, path), bytes);
  const flags = ["--images", photos, "--out", out, "--max-bad-fraction", "0.7"];
  const { code, stderr } = await runStage("shard", flags);
  assert.equal(code, 0, stderr);
  const lines = (await Deno.readTextFile(join(out, "quarantine.jsonl"))).trim().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    {
      path: "cut.jpg",
      reason:
        "Cannot decode: the JPEG is truncated or damaged (VipsJpeg: premature end of JPEG image)",
    },
    {
      path: "float.tif",
      reason:
        "Cannot decode: the TIFF is not supported: 32-bit float samples, wanted 8 or 16 bits " +
        "without sign, scale them to 0..255 or 0..65535 and save them as PNG or TIFF",
    },
    {
      path: "large.png",
      reason:
        "Cannot decode: the PNG is over the limit: 30000x30000 pixels take 2722 MB of memory " +
        "to decode, wanted at most 504 MB, make it smaller",
    },
    {
      path: "pointer.jpg",
      reason: "a Git LFS pointer, run git lfs pull",
    },
    {
      path: "zstd.tif",
      reason:
        "Cannot decode: the TIFF is not supported: ZSTD, a compression that is not supported, " +
        "save it with LZW, Deflate or none",
    },
  ]);
  assert.ok(
    stderr.includes(
      "shard: 1 image uses hardly any of the 256 levels (faint.png: 0 to 15 of 255): where that is " +
        "not the subject, scale the samples to the full range first\n",
    ),
    stderr,
  );
});
