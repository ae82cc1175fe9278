import assert from "node:assert/strict";
import { join } from "node:path";
import { unpackTar } from "modern-tar";
import sharp from "sharp";
import { collectLabels } from "../../lib/data/labels.ts";
import { isHeldOut, type Packed, packImages, type PackOptions } from "../../lib/data/pack.ts";
import { FolderSource } from "../../lib/data/source.ts";
import { plain, speckled, temporaryFolder, writePicture } from "../images/pictures.ts";

function entry(path: string) {
  return { path, bytes: 0, modified: 0 };
}

async function pack(
  root: string,
  paths: readonly string[],
  options: Partial<PackOptions> & { readonly directory: string },
): Promise<Packed> {
  await Deno.mkdir(options.directory);
  return await packImages({
    source: new FolderSource(root, { images: paths.map(entry), fingerprint: "" }),
    labels: await collectLabels(paths, { root, csv: undefined }),
    clsColumn: undefined,
    shardImages: 4,
    shorterSide: undefined,
    holdoutFraction: 0,
    seed: 0,
    inFlight: 8,
    ...options,
  });
}

Deno.test("packImages() gives the same bytes whatever the concurrency, others for another seed", async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, "images");
  const paths = Array.from({ length: 12 }, (_, i) => `${i % 2}/${10 + i}.png`);
  for (const [i, path] of paths.entries()) {
    await writePicture(join(root, path), await speckled(16 + i).png().toBuffer());
  }
  const hashes = async (seed: number, inFlight: number) => {
    const directory = join(folder.path, `${seed}-${inFlight}`);
    const packed = await pack(root, paths, { directory, seed, inFlight, holdoutFraction: 0.4 });
    return Object.values(packed.splits).flatMap(({ shards }) => shards.map(({ sha256 }) => sha256));
  };
  const one = await hashes(1, 1);
  assert.ok(one.length >= 3);
  assert.deepEqual(await hashes(1, 8), one);
  assert.notDeepEqual(await hashes(2, 8), one);
});

Deno.test("packImages() measures the training images, each with equal weight", async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, "images");
  const dark = plain({ width: 2, height: 2, color: { r: 0, g: 51, b: 0 } });
  const light = plain({ width: 40, height: 30, color: { r: 255, g: 51, b: 0 } });
  await writePicture(join(root, "a.png"), await dark.png().toBuffer());
  await writePicture(join(root, "b.png"), await light.png().toBuffer());
  const packed = await pack(root, ["a.png", "b.png"], { directory: join(folder.path, "out") });
  assert.deepEqual(packed.channelMean, [0.5, 0.2, 0]);
  assert.deepEqual(packed.channelStd, [0.5, 0, 0]);
});

Deno.test("packImages() leaves out bad files and says why", async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, "images");
  const whole = await speckled().jpeg().toBuffer();
  await writePicture(join(root, "good.jpg"), whole);
  await writePicture(join(root, "cut.jpg"), whole.subarray(0, 5000));
  await writePicture(join(root, "empty.png"), "");
  await writePicture(join(root, "text.gif"), "hello");
  const paths = ["cut.jpg", "empty.png", "gone.jpg", "good.jpg", "text.gif"];
  const packed = await pack(root, paths, { directory: join(folder.path, "out") });
  assert.equal(packed.splits["train"]!.images, 1);
  // What libvips says, in brackets, is of the whole process, in which other tests decode now: shard_test.ts has it.
  assert.match(packed.bad[0]!.reason, /^Cannot decode: the JPEG is truncated or damaged \(.+\)$/);
  assert.deepEqual(packed.bad.map(({ path }) => path), paths.filter((path) => path !== "good.jpg"));
  assert.deepEqual(packed.bad.slice(1), [
    { path: "empty.png", reason: "Cannot decode: the file is empty (0 bytes)" },
    { path: "gone.jpg", reason: "Cannot read: No such file or directory (os error 2)" },
    {
      path: "text.gif",
      reason: "Cannot decode: not an image, wanted JPEG, PNG, WebP, AVIF, GIF or TIFF",
    },
  ]);
});

Deno.test("isHeldOut() takes about the share asked for, and depends on seed and path alone", () => {
  const paths = Array.from({ length: 1000 }, (_, i) => `class/${i}.jpg`);
  const held = (seed: number, holdoutFraction: number) =>
    paths.filter((path) => isHeldOut(path, { seed, holdoutFraction }));
  // Four standard deviations of a binomial.
  assert.ok(Math.abs(held(0, 0.25).length - 250) < 55);
  assert.notDeepEqual(held(0, 0.25), held(1, 0.25));
  const few = new Set(held(0, 0.1));
  assert.ok([...few].every((path) => held(0, 0.25).includes(path)));
  assert.equal(held(0, 0).length, 0);
  assert.equal(held(0, 1).length, 1000);
});

Deno.test("packImages() names images that use hardly any of their levels", async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, "images");
  const raw = { width: 64, height: 64, channels: 1 } as const;
  const samples = (bits: number) => Uint16Array.from({ length: 64 * 64 }, (_, i) => i % 2 ** bits);
  const deep = (bits: number) => sharp(samples(bits), { raw }).toColourspace("grey16").png();
  await writePicture(join(root, "b/12-bits.png"), await deep(12).toBuffer());
  await writePicture(join(root, "a/10-bits.png"), await deep(10).toBuffer());
  await writePicture(
    join(root, "c.png"),
    await plain({ color: { r: 9, g: 40, b: 12 } }).png().toBuffer(),
  );
  await writePicture(
    join(root, "d.png"),
    await plain({ color: { r: 9, g: 41, b: 12 } }).png().toBuffer(),
  );
  await writePicture(join(root, "e.jpg"), await speckled().jpeg().toBuffer());
  const paths = ["a/10-bits.png", "b/12-bits.png", "c.png", "d.png", "e.jpg"];
  const directory = join(folder.path, "out");
  const packed = await pack(root, paths, { directory, holdoutFraction: 0.5 });
  assert.deepEqual(packed.faint, [
    { path: "a/10-bits.png", range: [0, 3] },
    { path: "b/12-bits.png", range: [0, 15] },
    { path: "c.png", range: [9, 40] },
  ]);
});

Deno.test("packImages() keeps an image as it is whose JPEG would be too long", async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, "images");
  const long = (height: number) =>
    sharp({ create: { width: 40, height, channels: 3, background: "#fff" } }).png().toBuffer();
  const files = { "long.png": await long(40_000), "longer.png": await long(80_000) };
  for (const [path, bytes] of Object.entries(files)) await writePicture(join(root, path), bytes);
  const directory = join(folder.path, "out");
  const packed = await pack(root, Object.keys(files), { directory, shorterSide: 36 });
  assert.deepEqual(packed.bad, []);
  const members = await unpackTar(await Deno.readFile(join(directory, "train-000000.tar")));
  const data = new Map(members.map(({ header, data }) => [header.name, data!]));
  const { width, height } = await sharp(data.get("long.jpg")).metadata();
  assert.deepEqual([width, height], [36, 36_000]);
  assert.ok(Buffer.compare(data.get("longer.png")!, files["longer.png"]) === 0);
  const known = JSON.parse(new TextDecoder().decode(data.get("longer.json")));
  assert.deepEqual([known.width, known.height], [40, 80_000]);
});

Deno.test("packImages() does not read a file that is larger than what decoding may take", async () => {
  await using folder = await temporaryFolder();
  const root = join(folder.path, "images");
  const bytes = await plain({ color: { r: 1, g: 2, b: 3 } }).tiff().toBuffer();
  await writePicture(join(root, "sparse.tif"), bytes);
  await Deno.truncate(join(root, "sparse.tif"), 3_000_000_001);
  await writePicture(join(root, "small.tif"), bytes);
  const directory = join(folder.path, "out");
  const packed = await pack(root, ["small.tif", "sparse.tif"], { directory });
  const reason =
    "Cannot decode: the file is over the limit: 3001 MB, wanted at most 504 MB, make it smaller";
  assert.deepEqual(packed.bad, [{ path: "sparse.tif", reason }]);
});
