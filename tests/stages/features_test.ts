import assert from "node:assert/strict";
import { join } from "node:path";
import sharp from "sharp";
import { openShards } from "../../lib/data/mod.ts";
import { decodeImage } from "../../lib/images/mod.ts";
import { type Encoder, encoderAt, readEncoder, writeEncoder } from "../../lib/encoder/mod.ts";
import { readFeatures } from "../../lib/formats/arrow.ts";
import { readSafetensors, writeSafetensors } from "../../lib/formats/safetensors.ts";
import { encoderProgram } from "../../lib/model/inference.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { floatTensor, type TensorRecord } from "../../lib/tensor.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { CONFIG } from "../encoder/made_run.ts";
import { withFolder } from "../folder.ts";
import { withSmallDisk } from "../small_disk.ts";
import { FeatureWork, IMAGES, largestDifference, madeEncoder, SIDE } from "./made_features.ts";

let work: FeatureWork;
let root = "";
const encoder: Encoder = madeEncoder();

Deno.test.beforeAll(async () => {
  work = await FeatureWork.make();
  root = work.root;
});
Deno.test.afterAll(() => work[Symbol.asyncDispose]());

/** What the encoder gives for a picture of its own size, op by op, without any of the stage's code. */
async function pooledOnCpu(picture: Uint8Array): Promise<Float32Array> {
  const { data } = await decodeImage(picture);
  const { mean, std } = CONFIG.data;
  const images = floatTensor([1, 3, SIDE, SIDE]);
  for (let i = 0; i < data.length; i++) {
    const channel = i % 3, pixel = Math.floor(i / 3);
    images.data[channel * SIDE * SIDE + pixel] = (data[i]! / 255 - mean[channel]!) / std[channel]!;
  }
  const executable = await (await createRuntime("cpu")).prepare(encoderProgram(encoder.config));
  executable.store.write(encoder.weights);
  const { pooler_output: pooled } = await executable.run({ pixel_values: images });
  executable.dispose();
  return pooled!.data as Float32Array;
}

Deno.test("features holds the mean over the tokens of each image, with key, path and labels", async () => {
  const { code, result, stderr } = await work.embed("train.arrow", ["--batch", "4"]);
  assert.equal(code, 0, stderr);
  const { imagesPerSecond, ...rest } = result;
  assert.ok(imagesPerSecond > 0);
  assert.deepEqual(rest, {
    stage: "features",
    out: "S/train.arrow",
    status: "done",
    images: IMAGES,
    split: "train",
    width: 16,
    encoder: "context",
    layers: "last",
    pool: "mean",
  });
  const made = await readFeatures(join(root, "train.arrow"));
  assert.deepEqual([made.rows, made.width], [IMAGES, 16]);
  const shards = await openShards(join(root, "shards"));
  await using split = shards.split("train");
  for (let row = 0; row < IMAGES; row++) {
    const { key, path, image, labels } = await split.readSample(row);
    const got = [made.keys[row], made.paths[row]];
    for (const column of ["class", "size"]) {
      got.push(made.labels.get(column)!.values[row] as string);
    }
    assert.deepEqual(got, [key, path, labels["class"], labels["size"]]);
    const embedding = made.embeddings.subarray(row * 16, (row + 1) * 16);
    const difference = largestDifference(embedding, await pooledOnCpu(image));
    assert.ok(difference < 1e-5, `row ${row} differs by ${difference}`);
  }
  assert.equal(made.labels.get("size")!.values.filter((value) => value === null).length, 1);

  const again = await work.embed("train.arrow", ["--batch", "64", "--threads", "1"]);
  assert.deepEqual(again.result, { ...result, status: "up to date" });
});

Deno.test("features says in its metadata what it was made from", async () => {
  const { metadata } = await work.features("train.arrow");
  const shards = await openShards(join(root, "shards"));
  const weights = await Deno.readFile(join(root, "encoder/model.safetensors"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", weights));
  const { "ijepa.runtime": runtime, "ijepa.version": version, ...rest } = metadata;
  assert.match(runtime!, /^(ONNX Runtime |compiled for this machine by )/);
  assert.match(version!, /^\d+\.\d+\.\d+$/);
  assert.deepEqual(rest, {
    "ijepa.encoder": "context",
    "ijepa.encoder_sha256": digest.toHex(),
    "ijepa.step": "5",
    "ijepa.layers": "last",
    "ijepa.pool": "mean",
    "ijepa.preprocessing": JSON.stringify(encoder.preprocessing),
    "ijepa.split": "train",
    "ijepa.rows": "11",
    "ijepa.manifest_sha256": shards.manifestSha256,
    "ijepa.shards": JSON.stringify(Object.fromEntries(
      shards.manifest.splits["train"]!.shards.map(({ file, sha256 }) => [file, sha256]),
    )),
  });
  assert.equal(shards.manifest.splits["train"]!.shards.length, 3);
});

Deno.test("features --layers last4 ends with the last layer", async () => {
  const last = await work.features("train.arrow");
  const four = await work.features("four.arrow", ["--layers", "last4"]);
  assert.deepEqual([four.width, four.metadata["ijepa.layers"]], [64, "last4"]);
  const ends = last.embeddings.map((_, i) =>
    four.embeddings[Math.floor(i / 16) * 64 + 48 + i % 16]!
  );
  const difference = largestDifference(ends, last.embeddings);
  assert.ok(difference < 1e-5, `differs by ${difference}`);
});

Deno.test("features does not depend on the batch, the threads or the runtime beyond rounding", async () => {
  const { embeddings } = await work.features("train.arrow");
  for (
    const flags of [["--batch", "1"], ["--batch", "11", "--threads", "1"], ["--runtime", "cpu"]]
  ) {
    const other = await work.features("other.arrow", [...flags, "--force"]);
    const difference = largestDifference(other.embeddings, embeddings);
    assert.ok(difference < 1e-5, `${flags.join(" ")} differs by ${difference}`);
  }
});

Deno.test("features scales the shorter side and takes the centre of an image of another shape", async () => {
  await withFolder(async (folder) => {
    // A square of noise between two bars, which must not be seen.
    const square = await sharp(await pictureFile(3, [SIDE, SIDE])).raw().toBuffer();
    const wide = new Uint8Array(SIDE * 3 * SIDE * 3);
    for (let row = 0; row < SIDE; row++) {
      const from = square.subarray(row * SIDE * 3, (row + 1) * SIDE * 3);
      wide.set(from, (row * 3 * SIDE + SIDE) * 3);
    }
    const raw = { width: 3 * SIDE, height: SIDE, channels: 3 } as const;
    const tall = new Uint8Array(wide.length);
    tall.set(square, square.length);
    const turned = { width: SIDE, height: 3 * SIDE, channels: 3 } as const;
    const images = [
      await pictureFile(3, [SIDE, SIDE]),
      await sharp(wide, { raw }).png().toBuffer(),
      await sharp(tall, { raw: turned }).png().toBuffer(),
    ];
    await writeShards(join(folder, "wide"), images, { perShard: 3 });
    const { embeddings } = await work.features("wide.arrow", [], { shards: join(folder, "wide") });
    for (const row of [1, 2]) {
      const got = embeddings.subarray(row * 16, (row + 1) * 16);
      const difference = largestDifference(got, embeddings.subarray(0, 16));
      assert.ok(difference < 1e-5, `row ${row} differs by ${difference}`);
    }
  });
});

Deno.test("features --encoder pixels:2 averages with an antialiasing filter, channel by channel, grey:2 over them", async () => {
  await withFolder(async (folder) => {
    // Left half black, right half red.
    const data = Uint8Array.from(
      { length: 8 * 8 * 3 },
      (_, i) => i % 3 === 0 && i / 3 % 8 >= 4 ? 255 : 0,
    );
    const raw = { width: 8, height: 8, channels: 3 } as const;
    await writeShards(join(folder, "shards"), [await sharp(data, { raw }).png().toBuffer()], {
      perShard: 1,
    });
    const inputs = { encoder: "pixels:2", shards: join(folder, "shards") };
    const { width, embeddings, metadata } = await work.features("pixels.arrow", [], inputs);
    assert.equal(width, 12);
    // A triangle of radius 4 around the middle of each half: 0.5 of 3.5 lies beyond the border.
    const wanted = [1 / 7, 6 / 7, 1 / 7, 6 / 7, 0, 0, 0, 0, 0, 0, 0, 0];
    assert.ok(largestDifference(embeddings, wanted) < 1e-6, String(embeddings));
    assert.equal(metadata["ijepa.encoder"], "pixels");
    assert.equal(metadata["ijepa.layers"], "none");
    const grey = await work.features("grey.arrow", [], { ...inputs, encoder: "grey:2" });
    assert.deepEqual([grey.width, grey.metadata["ijepa.encoder"]], [4, "grey"]);
    const third = wanted.slice(0, 4).map((red) => red / 3);
    assert.ok(largestDifference(grey.embeddings, third) < 1e-6, String(grey.embeddings));
  });
});

Deno.test("features names what is not there", async () => {
  await work.expectRefusal(
    [
      66,
      'Cannot open the encoder: "S/nowhere" does not exist, give a directory that "deno task checkpoint" ' +
      "has written",
    ],
    [],
    { encoder: join(root, "nowhere") },
  );
  await work.expectRefusal(
    [
      66,
      'Cannot open the encoder "S/images": "S/images/config.json" does not exist, give a directory that ' +
      '"deno task checkpoint" has written',
    ],
    [],
    { encoder: join(root, "images") },
  );
  await work.expectRefusal(
    [
      66,
      'Cannot open the shards "S/images": "S/images/manifest.json" does not exist, give the folder that ' +
      "the shard stage has written",
    ],
    [],
    { shards: join(root, "images") },
  );
  await work.expectRefusal([
    2,
    'Cannot read the shards "S/shards": there is no split "test", expected one of "train"',
  ], ["--split", "test"]);
  await withFolder(async (folder) => {
    await writeEncoder(folder, encoder);
    await Deno.remove(join(folder, "model.safetensors"));
    await work.expectRefusal(
      [
        66,
        `Cannot open the encoder "${folder}": "${folder}/model.safetensors" does not exist, ` +
        "export the encoder again",
      ],
      [],
      { encoder: folder },
    );
  });
});

Deno.test("features refuses settings that do not fit", async () => {
  for (const spec of ["pixels", "pixels:0", "pixels:x", "pixels:65", "grey:65"]) {
    const [kind] = spec.split(":");
    await work.expectRefusal(
      [
        2,
        `Cannot read the command line: --encoder ${kind}:N needs a side of 1 to 64 pixels, for ` +
        `example ${kind}:8, got "${spec}"`,
      ],
      [],
      { encoder: spec },
    );
  }
  await work.expectRefusal(
    [2, "Cannot make features: pixels:8 has no layers, leave --layers out"],
    ["--layers", "last4"],
    { encoder: "pixels:8" },
  );
  await withFolder(async (folder) => {
    const config = { ...encoder.config, depth: 3 };
    const weights = Object.entries(encoder.weights).filter(([name]) =>
      !name.startsWith("blocks.3.")
    );
    await writeEncoder(folder, { ...encoder, config, weights: Object.fromEntries(weights) });
    await work.expectRefusal(
      [
        2,
        `Cannot make features: --layers last4 needs 4 blocks, the encoder "${folder}" has 3, ` +
        "use --layers last",
      ],
      ["--layers", "last4"],
      { encoder: folder },
    );
  });
});

Deno.test("features refuses an encoder with a missing, extra or misshapen tensor", async () => {
  const { tensors, metadata } = await readSafetensors(join(root, "encoder/model.safetensors"));
  const name = "encoder.layer.2.attention.attention.key.weight";
  const without = ({ [name]: _, ...rest }: TensorRecord): TensorRecord => rest;
  const cases: [TensorRecord, string][] = [
    [without(tensors), `tensor "${name}" is missing, wanted float32 [16 16]`],
    [
      { ...tensors, "head.bias": floatTensor([3]) },
      'tensor "head.bias" (float32 [3]) is extra, wanted no such tensor',
    ],
    [
      { ...tensors, [name]: floatTensor([16, 8]) },
      `tensor "${name}" is float32 [16 8], wanted float32 [16 16]`,
    ],
  ];
  for (const [changed, wanted] of cases) {
    await withFolder(async (folder) => {
      await writeEncoder(folder, encoder);
      await writeSafetensors(join(folder, "model.safetensors"), changed, metadata);
      await work.expectRefusal(
        [
          65,
          `Cannot read "${folder}/model.safetensors": ${wanted}, as config.json beside it asks for, ` +
          "export the encoder again",
        ],
        [],
        { encoder: folder },
      );
    });
  }
});

Deno.test("features refuses an encoder whose files do not belong together", async () => {
  await withFolder(async (folder) => {
    const preprocessing = { ...encoder.preprocessing, shorterSide: 32, size: [32, 32] } as const;
    await writeEncoder(folder, { ...encoder, preprocessing });
    await work.expectRefusal(
      [
        65,
        `Cannot read "${folder}/preprocessor_config.json": it makes images of 32x32 pixels, but ` +
        "config.json beside it wants 16x16, export the encoder again",
      ],
      [],
      { encoder: folder },
    );
  });
});

/** A copy of the shards, in which the first tar file is changed. */
async function changedShards(
  folder: string,
  change: (tar: string) => Promise<void>,
): Promise<string> {
  for await (const { name } of Deno.readDir(join(root, "shards"))) {
    await Deno.copyFile(join(root, "shards", name), join(folder, name));
  }
  const tar = join(folder, "train-000000.tar");
  await change(tar);
  return tar;
}

Deno.test("features refuses a shard whose hash is wrong or that is cut short", async () => {
  await withFolder(async (folder) => {
    const tar = await changedShards(folder, async (path) => {
      const bytes = await Deno.readFile(path);
      bytes[700]! ^= 1;
      await Deno.writeFile(path, bytes);
    });
    await work.expectRefusal(
      [
        65,
        new RegExp(
          `^features: Cannot use the shard "${tar}": wanted SHA-256 \\w{64}, got \\w{64}, run shard again$`,
        ),
      ],
      [],
      { shards: folder },
    );
  });
  await withFolder(async (folder) => {
    const tar = await changedShards(folder, (path) => Deno.truncate(path, 1024));
    await work.expectRefusal(
      [
        65,
        new RegExp(`"${tar}" has the wrong length: wanted \\d+ bytes, got 1024, run shard again$`),
      ],
      [],
      { shards: folder },
    );
  });
});

Deno.test("features names an image that does not decode, and leaves none out", async () => {
  await withFolder(async (folder) => {
    const good = await pictureFile(1, [SIDE, SIDE]);
    await writeShards(folder, [good, good.slice(0, good.length - 40), good], { perShard: 2 });
    await work.expectRefusal(
      [
        65,
        /^features: Cannot make features of sample "sample-1" \(from "sample-1\.png"\): it does not decode \(.+\), run shard again, which sets such images aside$/,
      ],
      [],
      { shards: folder },
    );
  });
});

Deno.test("features refuses an encoder that gives no numbers", async () => {
  await withFolder(async (folder) => {
    const bias = floatTensor([16]);
    bias.data[2] = Infinity;
    await writeEncoder(folder, { ...encoder, weights: { ...encoder.weights, "norm.bias": bias } });
    assert.equal((await readEncoder(folder)).weights["norm.bias"]!.data[2], Infinity);
    await work.expectRefusal(
      [
        65,
        /^features: Cannot make features: the encoder gives Infinity for sample ".+", check the run that it comes from$/,
      ],
      [],
      { encoder: folder },
    );
  });
});

Deno.test("features says that the disk is full and leaves nothing", async () => {
  const disk = join(root, "disk");
  await withSmallDisk(disk, 8, async () => {
    const { code, message } = await work.embed("disk/f.arrow", ["--layers", "last4"]);
    assert.deepEqual([code, message], [
      73,
      'features: Cannot write "S/disk/f.arrow": the disk is full, free some space and run the command again',
    ]);
    assert.deepEqual([...Deno.readDirSync(disk)], []);
  });
});

Deno.test("features --image-size gives what an encoder exported for that size gives", async () => {
  const inputs = { encoder: await work.writeEncoder("larger", encoderAt(encoder, [32, 32])) };
  const exported = await work.features("larger.arrow", ["--split", "train"], inputs);
  const resized = await work.features("resized.arrow", ["--split", "train", "--image-size", "32"]);
  assert.deepEqual(resized.embeddings, exported.embeddings);
  const own = await work.features("own.arrow", ["--split", "train"]);
  assert.ok(largestDifference(own.embeddings, resized.embeddings) > 0.01);
  assert.match(resized.metadata["ijepa.preprocessing"]!, /"size":\[32,32\]/);
  const pixels = await work.embed("pixels-32.arrow", ["--image-size", "32"], {
    encoder: "pixels:8",
  });
  assert.deepEqual([pixels.code, pixels.stderr.split("\n")[0]], [
    2,
    "features: Cannot make features: pixels:8 says its size itself, leave --image-size out",
  ]);
});
