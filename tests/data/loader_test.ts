import assert from "node:assert/strict";
import { join } from "node:path";
import sharp from "sharp";
import { BatchLoader, type BatchSpec, type LoaderOptions } from "../../lib/data/loader.ts";
import { randomCrop } from "../../lib/images/crop.ts";
import { Resampler } from "../../lib/images/resample.ts";
import { decodeImage } from "../../lib/images/decode.ts";
import { Failure } from "../../lib/failure.ts";
import { sha256 } from "../../lib/files/mod.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { jpegFile } from "../images/jpeg_files.ts";
import { pictureFile, writeShards } from "./small_shards.ts";

const CROP = { cropScale: [0.3, 1], cropAspect: [3 / 4, 4 / 3], horizontalFlip: true } as const;
const IMAGES = 12;
const BATCH = 4;

/** PNG and JPEG files, by turns: they go through different decoders. */
function pictures(): Promise<Uint8Array[]> {
  return Promise.all(
    Array.from({ length: IMAGES }, (_, i) => {
      const [height, width] = [20 + 3 * i, 40 - i];
      const rest = { noise: 0.2, grey: false, options: {} };
      return i % 2 === 1
        ? pictureFile(i, [height, width])
        : jpegFile({ seed: i, height, width, ...rest });
    }),
  );
}

function samplesOf(step: number): Uint32Array {
  return Uint32Array.from({ length: BATCH }, (_, i) => (5 * step + 7 * i) % IMAGES);
}

function specOf(shards: string): BatchSpec {
  return {
    shards,
    split: "train",
    seed: 3,
    size: [8, 12],
    crop: CROP,
    mean: [0.4, 0.5, 0.6],
    std: [0.2, 0.25, 0.3],
  };
}

async function withShards(
  use: (directory: string, files: readonly Uint8Array[]) => Promise<void>,
  files?: readonly Uint8Array[],
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const images = files ?? await pictures();
  try {
    await writeShards(join(directory, "shards"), images, { perShard: 5 });
    await use(join(directory, "shards"), images);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Hash of each batch from `firstStep` to the end. */
async function hashes(
  shards: string,
  changes: Partial<LoaderOptions> & Pick<LoaderOptions, "firstStep" | "endStep">,
): Promise<string[]> {
  await using loader = new BatchLoader({
    spec: specOf(shards),
    batch: BATCH,
    samplesOf,
    threads: 1,
    ...changes,
  });
  const found: string[] = [];
  for (let step = changes.firstStep; step < changes.endStep; step++) {
    const { images, waitSeconds } = await loader.next(step);
    assert.ok(waitSeconds >= 0);
    assert.equal(images.length, BATCH * 3 * 8 * 12);
    found.push(sha256(new Uint8Array(images.buffer)));
  }
  return found;
}

Deno.test("BatchLoader gives the crops that the step and the images decide", async () => {
  await withShards(async (shards, files) => {
    const spec = specOf(shards);
    await using loader = new BatchLoader({
      spec,
      batch: BATCH,
      firstStep: 2,
      endStep: 3,
      samplesOf,
      threads: 1,
    });
    const { images } = await loader.next(2);
    const wanted = new Float32Array(images.length);
    for (const [row, sample] of samplesOf(2).entries()) {
      const image = await decodeImage(files[sample]!);
      const stream = new RandomStream({ seed: 3, purpose: "crop", step: 2, sample: row });
      const at = row * 3 * 8 * 12;
      new Resampler(spec).write(image, { ...randomCrop(image, CROP, stream), output: wanted, at });
    }
    assert.deepEqual(images, wanted);
  });
});

Deno.test("BatchLoader gives the same batches with other threads, caches, depths and starts", async () => {
  await withShards(async (shards) => {
    const span = { firstStep: 0, endStep: 14 };
    const wanted = await hashes(shards, span);
    assert.equal(new Set(wanted).size, 14);
    assert.deepEqual(await hashes(shards, { ...span, threads: 3 }), wanted);
    assert.deepEqual(await hashes(shards, { ...span, cacheBytes: 0 }), wanted);
    assert.deepEqual(await hashes(shards, { ...span, cacheBytes: 9000, ahead: 1 }), wanted);
    assert.deepEqual(await hashes(shards, { firstStep: 9, endStep: 14 }), wanted.slice(9));
  });
});

Deno.test("BatchLoader names the sample and the shard of an image that does not decode", async () => {
  const files = await pictures();
  files[5] = files[5]!.slice(0, 300);
  await withShards(async (shards) => {
    await using loader = new BatchLoader({
      spec: specOf(shards),
      batch: BATCH,
      firstStep: 0,
      endStep: 5,
      samplesOf, // step 1: 5, 0, 7, 2
      threads: 1,
    });
    await loader.next(0);
    const error = await loader.next(1).then(() => undefined, (thrown: unknown) => thrown);
    assert.ok(error instanceof Failure);
    assert.equal(error.kind, "data");
    // What libvips says, in brackets, is of the whole process, in which other tests decode now.
    assert.equal(
      error.message.replace(/damaged \(.+\)\)/, "damaged)"),
      `Cannot train on "${shards}": sample "sample-5" (from "sample-5.png") in "train-000001.tar" does not decode ` +
        "(Cannot decode: the PNG is truncated or damaged), run shard again, which sets such images aside",
    );
  }, files);
});

Deno.test("BatchLoader reports shards that cannot be opened with the first batch", async () => {
  const options = { firstStep: 0, endStep: 1 };
  await assert.rejects(hashes("/nowhere/shards", options), {
    kind: "missing",
    message: /^Cannot open the shards "\/nowhere\/shards": /,
  });
});

Deno.test("BatchLoader ends cleanly while batches are under way, also before the first", async () => {
  await withShards(async (shards) => {
    for (const taken of [0, 1, 2]) {
      const loader = new BatchLoader({
        spec: specOf(shards),
        batch: BATCH,
        firstStep: 0,
        endStep: 100,
        samplesOf,
        threads: 2,
        ahead: 6,
      });
      for (let step = 0; step < taken; step++) await loader.next(step);
      await loader[Symbol.asyncDispose]();
    }
  });
});

Deno.test("BatchLoader refuses steps out of order and beyond the end", async () => {
  await withShards(async (shards) => {
    await using loader = new BatchLoader({
      spec: specOf(shards),
      batch: BATCH,
      firstStep: 4,
      endStep: 5,
      samplesOf,
      threads: 1,
    });
    await assert.rejects(loader.next(6), RangeError);
    await loader.next(4);
    await assert.rejects(loader.next(5), {
      name: "RangeError",
      message: "Cannot give the batch of step 5, next is 5",
    });
  });
});

Deno.test("BatchLoader crops pictures of extreme sizes", async () => {
  const sizes = [[1, 1], [1, 65_535], [65_535, 1], [100, 80_000], [80_000, 100]] as const;
  const files = await Promise.all(
    sizes.map(([height, width]) =>
      sharp({ create: { width, height, channels: 3, background: { r: 51, g: 102, b: 255 } } })
        .png().toBuffer()
    ),
  );
  await withShards(async (shards) => {
    const crop = { cropScale: [0.3, 1], cropAspect: [1e-6, 1e6], horizontalFlip: false } as const;
    for (const spec of [specOf(shards), { ...specOf(shards), crop }]) {
      await using loader = new BatchLoader({
        spec: { ...spec, mean: [0, 0, 0], std: [1, 1, 1] },
        batch: files.length,
        firstStep: 0,
        endStep: 1,
        samplesOf: () => Uint32Array.from(files.keys()),
        threads: 2,
      });
      const { images } = await loader.next(0);
      const wanted = [0.2, 0.4, 1];
      images.forEach((value, i) => {
        const channel = wanted[Math.floor(i / (8 * 12)) % 3]!;
        assert.ok(Math.abs(value - channel) < 1e-3, `${value} at ${i}`);
      });
    }
  }, files);
});
