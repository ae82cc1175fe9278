/** Encoders that other programs have saved: in parts, in half precision, without preprocessing, with damaged settings. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type Encoder,
  type EncoderWeights,
  readEncoder,
  writeEncoder,
} from "../../lib/encoder/mod.ts";
import { readFeatures } from "../../lib/formats/arrow.ts";
import { formatConfig, toHuggingFace } from "../../lib/formats/huggingface.ts";
import { readSafetensors, writeSafetensors } from "../../lib/formats/safetensors.ts";
import { hashIfThere } from "../../lib/start/source.ts";
import { type FloatTensor, prefixed, type TensorRecord, under } from "../../lib/tensor.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { MODEL, stateOfStep } from "../encoder/made_run.ts";
import { withFolder } from "../folder.ts";
import { runStage } from "../run_stage.ts";

const INDEX = "model.safetensors.index.json";
let root = "", shards = "", encoder: Encoder;

Deno.test.beforeAll(async () => {
  root = await Deno.makeTempDir();
  shards = join(root, "shards");
  const files = Array.from({ length: 8 }, (_, i) => pictureFile(i, [20, 20]));
  await writeShards(shards, await Promise.all(files), { perShard: 8 });
  encoder = {
    config: MODEL.encoder,
    preprocessing: {
      resize: "shorter-side",
      shorterSide: 16,
      size: [16, 16],
      filter: "bicubic",
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    },
    weights: halved(under("target_encoder.", stateOfStep(5))) as EncoderWeights,
    network: "unknown",
  };
  await Deno.mkdir(join(root, "whole"));
  await writeEncoder(join(root, "whole"), encoder);
});
Deno.test.afterAll(async () => {
  await Deno.remove(root, { recursive: true });
});

/** The nearest values that half precision has. */
function halved(tensors: TensorRecord): TensorRecord {
  const view = new DataView(new ArrayBuffer(2));
  const half = (value: number) => {
    view.setFloat16(0, value);
    return view.getFloat16(0);
  };
  return Object.fromEntries(
    Object.entries(tensors as Record<string, FloatTensor>)
      .map(([name, tensor]) => [name, { ...tensor, data: tensor.data.map(half) }]),
  );
}

/** Writes tensors as F16, as `model.half().save_pretrained()` does. */
async function writeHalf(path: string, tensors: TensorRecord): Promise<void> {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => [
      name,
      { dtype: "F16", shape, data_offsets: [end, end += 2 * data.length] },
    ]),
  );
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new DataView(new ArrayBuffer(8 + text.length + end));
  file.setBigUint64(0, BigInt(text.length), true);
  new Uint8Array(file.buffer).set(text, 8);
  let at = 8 + text.length;
  for (const { data } of Object.values(tensors)) {
    for (const value of data as Float32Array) {
      file.setFloat16(at, value, true);
      at += 2;
    }
  }
  await Deno.writeFile(path, new Uint8Array(file.buffer));
}

/** Weights in two files with an index, and nothing but `config.json` beside them. */
async function writeParts(
  folder: string,
  tensors: TensorRecord,
  write: (path: string, tensors: TensorRecord) => Promise<unknown> = writeSafetensors,
): Promise<void> {
  const entries = Object.entries(tensors), half = Math.ceil(entries.length / 2);
  const parts = [entries.slice(0, half), entries.slice(half)];
  const map: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const name = `model-0000${index + 1}-of-00002.safetensors`;
    for (const [tensor] of part) map[tensor] = name;
    await write(join(folder, name), Object.fromEntries(part));
  }
  await Deno.writeTextFile(join(folder, INDEX), JSON.stringify({ metadata: {}, weight_map: map }));
  await Deno.writeTextFile(join(folder, "config.json"), formatConfig(MODEL.encoder));
}

function features(folder: string, out: string) {
  const flags = [
    "--shards",
    shards,
    "--out",
    join(root, out),
    "--runtime",
    "onnx",
    "--threads",
    "1",
  ];
  return runStage("features", ["--encoder", folder, ...flags]);
}

Deno.test("features reads an encoder in parts, in half precision and without preprocessing, and says what it assumes", async () => {
  const folder = join(root, "parts");
  await Deno.mkdir(folder);
  await writeParts(folder, toHuggingFace(encoder.weights), writeHalf);
  assert.deepEqual((await readEncoder(folder)).weights, encoder.weights);

  const whole = await features(join(root, "whole"), "whole.arrow");
  assert.equal(whole.code, 0, whole.stderr);
  const parts = await features(folder, "parts.arrow");
  assert.equal(parts.code, 0, parts.stderr);
  assert.ok(
    parts.stderr.includes(
      `features: "${folder}" has no preprocessor_config.json: assuming the statistics of ImageNet ` +
        "(mean 0.485, 0.456, 0.406, standard deviation 0.229, 0.224, 0.225) and images of 16x16 pixels, bicubic\n",
    ),
    parts.stderr,
  );
  const [one, two] = [
    await readFeatures(join(root, "whole.arrow")),
    await readFeatures(join(root, "parts.arrow")),
  ];
  assert.deepEqual(two.embeddings, one.embeddings);
  assert.equal(two.metadata["ijepa.preprocessing"], one.metadata["ijepa.preprocessing"]);
  assert.equal(
    two.metadata["ijepa.encoder_sha256"],
    await hashIfThere(join(folder, INDEX)),
  );
  const receipt = JSON.parse(await Deno.readTextFile(join(root, "parts.arrow.receipt.json")));
  assert.deepEqual(
    receipt.inputs.map(({ path }: { path: string }) => path.split("/").at(-1)),
    [
      ...["config.json", INDEX, "model-00001-of-00002.safetensors"],
      ...["model-00002-of-00002.safetensors", "manifest.json"],
    ],
  );
});

Deno.test("pretrain --init-from an encoder in parts, in half precision, with prefixes and a classifier beside it", async () => {
  const folder = join(root, "wrapped");
  await Deno.mkdir(folder);
  const classifier: TensorRecord = {
    "_orig_mod.classifier.bias": { dtype: "float32", shape: [3], data: new Float32Array(3) },
  };
  const wrapped = prefixed("_orig_mod.ijepa.", toHuggingFace(encoder.weights));
  await writeParts(folder, { ...wrapped, ...classifier }, writeHalf);
  const run = join(root, "run");
  const flags = [
    ...["--shards", shards, "--out", run, "--init-from", folder, "--preset", "smoke"],
    ...["--set", "data.imageSize=16", "--set", "model.patchSize=4", "--set", "model.width=16"],
    ...["--set", "model.depth=4", "--set", "run.keepEvery=1", "--set", "schedule.warmupSteps=1"],
    ...["--batch", "4", "--steps", "2", "--checkpoint-steps", "2", "--threads", "1"],
  ];
  const { code, stderr } = await runStage("pretrain", flags);
  assert.equal(code, 0, stderr);
  assert.ok(
    stderr.includes('which is new; "_orig_mod." and "ijepa." stripped from the names\n'),
    stderr,
  );
  assert.ok(
    stderr.includes(
      "pretrain: passed over what belongs to no network of a run: _orig_mod.classifier.bias\n",
    ),
    stderr,
  );
  const { tensors } = await readSafetensors(
    join(run, "checkpoints/step-00000000/state.safetensors"),
  );
  for (const [name, tensor] of Object.entries(encoder.weights)) {
    assert.deepEqual(tensors[`target_encoder.${name}`], tensor, name);
  }
  const { initFrom } = JSON.parse(await Deno.readTextFile(join(run, "config.json")));
  const file = join(folder, INDEX);
  assert.deepEqual(initFrom, { path: folder, file, sha256: await hashIfThere(file) });
  // The same start again is the same run, also when a part is gone by then; with another part it is not.
  const part = join(folder, "model-00001-of-00002.safetensors");
  const bytes = await Deno.readFile(part);
  await Deno.remove(part);
  assert.equal((await runStage("pretrain", flags)).code, 0);
  bytes[bytes.length - 1]! ^= 1;
  await Deno.writeFile(part, bytes);
  assert.equal((await runStage("pretrain", flags)).code, 73);
});

Deno.test("features refuses settings of an encoder that no encoder has, before it takes memory for them", async () => {
  await withFolder(async (folder) => {
    await writeEncoder(folder, encoder);
    const refused = async (file: string, changes: object, wanted: string) => {
      const path = join(folder, file), text = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, JSON.stringify({ ...JSON.parse(text), ...changes }));
      const { code, stderr } = await features(folder, "never.arrow");
      await Deno.writeTextFile(path, text);
      assert.equal(code, 65, stderr);
      assert.ok(stderr.startsWith(`features: Cannot read "${path}": ${wanted}`), stderr);
    };
    await refused(
      "config.json",
      { num_hidden_layers: 2 ** 31 },
      '"num_hidden_layers" wants a whole number from 1 to 1024, got 2147483648, ',
    );
    await refused(
      "preprocessor_config.json",
      { image_std: [-1, 1, 1] },
      '"image_std.0" wants three numbers above zero, got -1, ',
    );
    const config = join(folder, "config.json");
    await Deno.writeTextFile(config, formatConfig({ ...MODEL.encoder, depth: 1000 }));
    const { code, stderr } = await features(folder, "never.arrow");
    assert.equal(code, 65, stderr);
    assert.match(stderr, /tensor "encoder\.layer\.4\..*" is missing, wanted float32/);
  });
});
