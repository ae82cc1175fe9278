import assert from "node:assert/strict";
import { join } from "node:path";
import {
  checkOnnx,
  type Encoder,
  modelCard,
  onnxModelOf,
  readEncoder,
  writeEncoder,
  writeOnnx,
} from "../../lib/encoder/mod.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import type { EncoderConfig } from "../../lib/model/config.ts";
import { POSITIONS, positionTable } from "../../lib/model/positions.ts";
import { encoderShapes, initialise } from "../../lib/model/parameters.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { withFolder } from "../folder.ts";

const SIZES: EncoderConfig = {
  imageSize: [16, 24],
  patchSize: 8,
  width: 16,
  depth: 2,
  heads: 2,
  mlpWidth: 40,
};

function madeEncoder(config: EncoderConfig = SIZES): Encoder {
  const start = { seed: 3, initStd: 0.2, patchEmbedStd: 0.1 };
  return {
    config,
    preprocessing: {
      resize: "shorter-side",
      shorterSide: 24,
      size: config.imageSize,
      filter: "bicubic",
      mean: [0.1, 0.2, 0.3],
      std: [0.4, 0.5, 0.6],
    },
    weights: {
      [POSITIONS]: positionTable(config),
      ...initialise(encoderShapes(config), "encoder", start),
    },
    network: "target",
    step: 12,
  };
}

Deno.test("readEncoder() reads what writeEncoder() writes, and the weights say which network they are", async () => {
  await withFolder(async (folder) => {
    const encoder = madeEncoder();
    await writeEncoder(folder, encoder);
    assert.deepEqual(await readEncoder(folder), encoder);
    const { metadata, tensors } = await readSafetensors(join(folder, "model.safetensors"));
    assert.deepEqual(metadata, { format: "pt", "ijepa.encoder": "target", "ijepa.step": "12" });
    assert.equal(Object.keys(tensors).length, 16 * 2 + 5);
  });
});

Deno.test("readEncoder() keeps an epsilon of LayerNorms that is not ours, and its ONNX file has it", async () => {
  await withFolder(async (folder) => {
    const encoder = madeEncoder({ ...SIZES, layerNormEpsilon: 0.1 });
    await writeEncoder(folder, encoder);
    assert.deepEqual(await readEncoder(folder), encoder);
    await writeOnnx(folder, encoder);
    const { largestDifference } = await checkOnnx(folder, encoder);
    assert.ok(largestDifference < 1e-5, `differs by ${largestDifference}`);
    await assert.rejects(() => checkOnnx(folder, madeEncoder()), { kind: "data" });
  });
});

Deno.test("readEncoder() reads an encoder with registers, and its ONNX file has no more outputs", async () => {
  await withFolder(async (folder) => {
    const encoder = madeEncoder({ ...SIZES, registers: 3 });
    await writeEncoder(folder, encoder);
    assert.deepEqual(await readEncoder(folder), encoder);
    await writeOnnx(folder, encoder);
    const { largestDifference } = await checkOnnx(folder, encoder);
    assert.ok(largestDifference < 1e-5, `differs by ${largestDifference}`);
    assert.deepEqual(onnxModelOf(encoder).outputs, onnxModelOf(madeEncoder()).outputs);
    // Other registers, other output.
    const moved = { ...encoder.weights, register_tokens: floatTensor([1, 3, 16]) };
    await assert.rejects(() => checkOnnx(folder, { ...encoder, weights: moved }), { kind: "data" });
    const card = modelCard(encoder, {
      version: "1.2.3",
      step: 12,
      config: {},
      shards: { manifestSha256: "abc", split: "train", images: 99 },
    }, { largestDifference, images: 3, reference: "the reference" });
    assert.match(card, /^---\nlicense: unknown\nlibrary_name: onnx\n/);
    assert.match(card, /\| registers \| 3 \|/);
    assert.match(card, /`IJepaModel` of transformers knows none and refuses the weights/);
    assert.doesNotMatch(card, /IJepaModel\.from_pretrained|transformers\.js/);
  });
});

Deno.test("onnxModelOf() has the names that other programs look for, and only standard operators", () => {
  const model = onnxModelOf(madeEncoder());
  assert.deepEqual(model.opsets, { "": 17 });
  assert.deepEqual(model.inputs, [
    { name: "pixel_values", type: "float32", shape: ["batch", 3, 16, 24] },
  ]);
  assert.deepEqual(model.outputs, [
    { name: "last_hidden_state", type: "float32", shape: ["batch", 6, 16] },
    { name: "pooler_output", type: "float32", shape: ["batch", 16] },
  ]);
  for (const { domain } of model.nodes) assert.equal(domain ?? "", "");
  assert.deepEqual(model.constants.get("blocks.1.attn.qkv.weight")?.shape, [48, 16]);
  assert.deepEqual(model.metadata, { "ijepa.encoder": "target" });
});

Deno.test("writeOnnx() puts many weights into a file beside the model, and checkOnnx() reads both", async () => {
  await withFolder(async (folder) => {
    const encoder = madeEncoder();
    await writeOnnx(folder, encoder);
    const whole = (await Deno.stat(join(folder, "onnx/model.onnx"))).size;
    const inside = await checkOnnx(folder, encoder);
    assert.ok(inside.largestDifference < 1e-5, `differs by ${inside.largestDifference}`);
    assert.match(inside.reference, /plain JavaScript/);

    await writeOnnx(folder, encoder, { largestInsideBytes: 20_000 });
    const small = (await Deno.stat(join(folder, "onnx/model.onnx"))).size;
    const beside = (await Deno.stat(join(folder, "onnx/model.onnx_data"))).size;
    assert.ok(small < whole / 2 && beside > whole / 2, `${whole} became ${small} and ${beside}`);
    assert.deepEqual(await checkOnnx(folder, encoder), inside);
  });
});

Deno.test("checkOnnx() runs large encoders compiled", async () => {
  await withFolder(async (folder) => {
    const encoder = madeEncoder({
      ...SIZES,
      imageSize: [192, 192],
      depth: 12,
      width: 48,
      mlpWidth: 1024,
    });
    await writeOnnx(folder, encoder);
    const { largestDifference, reference } = await checkOnnx(folder, encoder);
    assert.match(reference, /^ONNX Runtime .*compiled$/);
    assert.ok(largestDifference < 1e-4, `differs by ${largestDifference}`);
  });
});

Deno.test("checkOnnx() takes rounding of large outputs for what it is", async () => {
  await withFolder(async (folder) => {
    const encoder = madeEncoder();
    const scale = encoder.weights["norm.weight"]!;
    const larger = { ...scale, data: scale.data.map((x) => 3000 * x) };
    const scaled = { ...encoder, weights: { ...encoder.weights, "norm.weight": larger } };
    await writeOnnx(folder, scaled);
    const { largestDifference } = await checkOnnx(folder, scaled);
    assert.ok(largestDifference > 1e-4 && largestDifference < 0.1, `${largestDifference}`);
  });
});

Deno.test("checkOnnx() refuses a file that computes something else", async () => {
  await withFolder(async (folder) => {
    const encoder = madeEncoder();
    await writeOnnx(folder, encoder);
    const bias = encoder.weights["norm.bias"]!;
    const moved = { ...bias, data: bias.data.map((x, i) => i === 3 ? x + 0.25 : x) };
    const changed = { ...encoder, weights: { ...encoder.weights, "norm.bias": moved } };
    await assert.rejects(() => checkOnnx(folder, changed), (error: Error & { kind: string }) => {
      assert.equal(error.kind, "data");
      assert.match(
        error.message,
        /^Cannot export the encoder: the outputs of its ONNX file differ from its own by 0\.25\d*, wanted at most 0\.000[1-9]\d*, /,
      );
      return true;
    });
  });
});

Deno.test("modelCard() says where the encoder comes from", () => {
  const card = modelCard(madeEncoder(), {
    version: "1.2.3",
    step: 12,
    config: { run: { seed: 4 }, data: { mean: [0.1, 0.2, 0.3] } },
    shards: { manifestSha256: "abc", split: "train", images: 99 },
  }, { largestDifference: 1.25e-6, images: 3, reference: "the reference" });
  assert.match(
    card,
    /^---\nlicense: unknown\nlibrary_name: transformers\npipeline_tag: image-feature-extraction\n/,
  );
  for (
    const wanted of [
      "The target encoder (the moving average of the weights",
      "after 12 steps",
      "| input | 16 x 24 pixels, RGB |",
      "| encoder | target |",
      "| step | 12 |",
      "| dataset manifest, SHA-256 | `abc` |",
      "| ONNX check, largest difference | 1.25e-6 |",
      "minus the mean [0.1, 0.2, 0.3]",
      '"mean": [0.1, 0.2, 0.3]',
      '"seed": 4',
    ]
  ) assert.ok(card.includes(wanted), `"${wanted}" is not in the card`);
});

Deno.test("modelCard() takes names from elsewhere as text, and of a path the name only", () => {
  const card = modelCard({ ...madeEncoder(), network: "<b>|constructor" }, {
    version: "1.2.3",
    step: 0,
    config: {},
    shards: { manifestSha256: "](http://x)", split: "`a`\n# b", images: 9 },
    initFrom: { path: "/data/of/someone/w|[x](y)\n.pth", sha256: "ab" },
  }, { largestDifference: 0, images: 3, reference: "the reference" });
  for (
    const wanted of [
      "The &lt;b&gt;\\|constructor encoder of an I-JEPA run",
      "| dataset manifest, SHA-256 | \\](http\\://x) |",
      "| training images | 9, split \\`a\\`\\\\n# b |",
      "| started from, SHA-256 | w\\|\\[x\\](y)\\\\n.pth, `ab` |",
    ]
  ) assert.ok(card.includes(wanted), `"${wanted}" is not in the card:\n${card}`);
  assert.doesNotMatch(card, /someone|<b>/);
});
