import assert from "node:assert/strict";
import { join } from "node:path";
import { type Encoder, encoderAt } from "../../lib/encoder/mod.ts";
import { openShards } from "../../lib/data/mod.ts";
import { preparedBatches } from "../../lib/features/mod.ts";
import { sha256File } from "../../lib/files/mod.ts";
import { encoderProgram, PIXELS } from "../../lib/model/inference.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { regionMeans, type Tokens } from "../model/pooled.ts";
import { FeatureWork, IMAGES, largestDifference, madeEncoder } from "./made_features.ts";

const WIDTH = 16;

let work: FeatureWork;
const ENCODER = madeEncoder(5), OTHER: Encoder = { ...madeEncoder(8), network: "target" };

Deno.test.beforeAll(async () => {
  work = await FeatureWork.make();
  await work.writeEncoder("other", OTHER);
});
Deno.test.afterAll(() => work[Symbol.asyncDispose]());

/** What an encoder makes of the pictures, op by op: `last_hidden_state`. */
async function tokensOf(encoder: Encoder): Promise<Tokens> {
  const { config: { imageSize: [height, width], patchSize }, preprocessing, weights } = encoder;
  const executable = await (await createRuntime("cpu")).prepare(encoderProgram(encoder.config));
  executable.store.write(weights);
  await using split = (await openShards(join(work.root, "shards"))).split("train");
  const data: number[] = [];
  for await (const { images, rows } of preparedBatches(split, { preprocessing, batch: IMAGES })) {
    const pixels = floatTensor([rows, 3, height, width], images);
    const { last_hidden_state: tokens } = await executable.run({ [PIXELS]: pixels });
    data.push(...tokens!.data as Float32Array);
  }
  executable.dispose();
  return { data, batch: IMAGES, grid: [height / patchSize, width / patchSize], width: WIDTH };
}

/** Rows of the two side by side. */
function beside(left: ArrayLike<number>, right: ArrayLike<number>): number[] {
  const [a, b] = [left.length / IMAGES, right.length / IMAGES];
  return Array.from({ length: IMAGES }, (_, row) => [
    ...Array.prototype.slice.call(left, row * a, (row + 1) * a),
    ...Array.prototype.slice.call(right, row * b, (row + 1) * b),
  ]).flat();
}

Deno.test("features --pool keeps regions or all tokens, and says so", async () => {
  const tokens = await tokensOf(ENCODER);
  for (const pool of ["2x2", "3x3", "tokens"]) {
    const { code, result, stderr } = await work.embed(`${pool}.arrow`, ["--pool", pool]);
    assert.equal(code, 0, stderr);
    const wanted = pool === "tokens" ? tokens.data : regionMeans(tokens, Number(pool[0]));
    const { width, embeddings, metadata } = await work.features(`${pool}.arrow`, ["--pool", pool]);
    assert.equal(width, wanted.length / IMAGES);
    assert.deepEqual([result.width, result.pool], [width, pool]);
    assert.equal(metadata["ijepa.pool"], pool);
    assert.ok(largestDifference(embeddings, wanted) < 1e-5, pool);
  }
  const receipt = JSON.parse(
    await Deno.readTextFile(join(work.root, "3x3.arrow.receipt.json")),
  );
  assert.equal(receipt.config.pool, "3x3");
  const { code, message } = await work.embed("3x3.arrow", ["--pool", "2x2"]);
  assert.equal(code, 73);
  assert.match(message, /^features: Cannot write "S\/3x3\.arrow": /);
});

Deno.test("features --pool goes with --layers and --image-size", async () => {
  const flags = ["--pool", "2x2", "--image-size", "20x28"];
  const one = await work.features("wide.arrow", flags);
  const wanted = regionMeans(await tokensOf(encoderAt(ENCODER, [20, 28])), 2);
  assert.ok(largestDifference(one.embeddings, wanted) < 1e-5);
  const four = await work.features("wide4.arrow", [...flags, "--layers", "last4"]);
  assert.equal(four.width, 16 * WIDTH);
  // All regions of the last layer come last.
  const lasts = one.embeddings.map((_, i) =>
    four.embeddings[Math.floor(i / 64) * 256 + 192 + i % 64]!
  );
  assert.ok(largestDifference(lasts, one.embeddings) < 1e-5);
});

Deno.test("features --pool refuses grids that are too small and vectors that are too wide", async () => {
  await work.expectRefusal(
    [
      2,
      'Cannot make features: --pool 3x3 needs at least 3 rows and columns of patches, the encoder "S/encoder" ' +
      "has 2x5 on images of 8x20 pixels, use --pool mean or a larger --image-size",
    ],
    ["--pool", "3x3", "--image-size", "8x20"],
  );
  // 33 x 33 tokens of 16 values.
  await work.expectRefusal(
    [
      2,
      "Cannot make features: --pool tokens of 33x33 patches makes vectors of 17424 values, wanted at most 16384, " +
      "which probes can take, use a smaller --pool",
    ],
    ["--pool", "tokens", "--image-size", "132"],
  );
  await work.expectRefusal(
    [
      2,
      "Cannot make features: --pool tokens of 16x16 patches makes vectors of 32768 values, wanted at most 16384, " +
      "which probes can take, use a smaller --pool or --layers last or one encoder",
    ],
    [
      ...["--pool", "tokens", "--image-size", "64", "--layers", "last4"],
      ...["--beside", join(work.root, "other")],
    ],
  );
  await work.expectRefusal(
    [2, "Cannot make features: pixels:8 has no tokens, leave --pool out"],
    ["--pool", "2x2"],
    { encoder: "pixels:8" },
  );
});

Deno.test("features --beside puts the vectors of a second encoder behind those of the first", async () => {
  const other = join(work.root, "other");
  for (const pool of ["mean", "2x2"]) {
    const flags = ["--pool", pool, "--batch", "4"];
    const both = await work.features(`both-${pool}.arrow`, [...flags, "--beside", other]);
    const first = await work.features(`first-${pool}.arrow`, flags);
    const second = await work.features(`second-${pool}.arrow`, flags, { encoder: other });
    assert.equal(both.width, first.width + second.width);
    assert.deepEqual([...both.embeddings], beside(first.embeddings, second.embeddings));
    assert.deepEqual(both.keys, first.keys);
    const { "ijepa.encoder": encoder, "ijepa.beside": network, "ijepa.step": step } = both.metadata;
    assert.deepEqual([encoder, step, network], ["context", "5", "target"]);
    assert.equal(both.metadata["ijepa.beside_step"], "8");
    assert.equal(
      both.metadata["ijepa.beside_sha256"],
      await sha256File(join(other, "model.safetensors")),
    );
    assert.equal(both.metadata["ijepa.encoder_sha256"], first.metadata["ijepa.encoder_sha256"]);
  }
  const receipt = JSON.parse(
    await Deno.readTextFile(join(work.root, "both-2x2.arrow.receipt.json")),
  );
  assert.deepEqual(
    receipt.inputs.map(({ path }: { path: string }) => path.slice(work.root.length + 1)),
    [
      ...["encoder", "other"].flatMap((name) =>
        ["config.json", "preprocessor_config.json", "model.safetensors"]
          .map((file) => `${name}/${file}`)
      ),
      "shards/manifest.json",
    ],
  );
  // Another second encoder is another file.
  const swapped = await work.embed("both-2x2.arrow", ["--pool", "2x2", "--beside", other], {
    encoder: other,
  });
  assert.equal(swapped.code, 73, swapped.stderr);
});

Deno.test("features --beside refuses what does not go together", async () => {
  const { config, preprocessing } = ENCODER;
  await work.writeEncoder("brighter", {
    ...ENCODER,
    preprocessing: { ...preprocessing, mean: [0.1, 0.2, 0.3] },
  });
  await work.expectRefusal(
    [
      2,
      'Cannot make features: the encoders "S/encoder" and "S/brighter" prepare images differently ' +
      "(mean is [0.4,0.5,0.6] and [0.1,0.2,0.3]), give --beside an encoder of the same preprocessing, such as " +
      "the other one of the run",
    ],
    ["--beside", join(work.root, "brighter")],
  );
  await work.writeEncoder("larger", encoderAt(ENCODER, [32, 32]));
  await work.expectRefusal(
    [2, /prepare images differently \(shorterSide is 16 and 32\)/],
    ["--beside", join(work.root, "larger")],
  );
  // At one size they do go together.
  const flags = ["--beside", join(work.root, "larger"), "--image-size", "32"];
  const { width, embeddings } = await work.features("sizes.arrow", flags);
  assert.equal(width, 2 * WIDTH);
  const halves = [0, 1].map((half) =>
    Array.from(
      { length: IMAGES * WIDTH },
      (_, i) => embeddings[(2 * Math.floor(i / WIDTH) + half) * WIDTH + i % WIDTH]!,
    )
  );
  assert.deepEqual(halves[0], halves[1]);
  const shallow = { ...config, depth: 3 };
  const weights = Object.entries(ENCODER.weights).filter(([name]) => !name.startsWith("blocks.3."));
  const directory = await work.writeEncoder("shallow", {
    ...ENCODER,
    config: shallow,
    weights: Object.fromEntries(weights),
  });
  await work.expectRefusal(
    [
      2,
      'Cannot make features: --layers last4 needs 4 blocks, the encoder "S/shallow" has 3, use --layers last',
    ],
    ["--layers", "last4", "--beside", directory],
  );
  await work.expectRefusal(
    [
      66,
      'Cannot open the encoder: "S/nowhere" does not exist, give a directory that "deno task checkpoint" ' +
      "has written",
    ],
    ["--beside", join(work.root, "nowhere")],
  );
  await work.expectRefusal(
    [2, "Cannot make features: pixels:8 is no encoder, leave --beside out"],
    ["--beside", join(work.root, "encoder")],
    { encoder: "pixels:8" },
  );
});
