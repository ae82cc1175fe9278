import assert from "node:assert/strict";
import { join } from "node:path";
import { openShards } from "../../lib/data/mod.ts";
import { readEncoder, readEncoderSettings } from "../../lib/encoder/mod.ts";
import { preparedBatches } from "../../lib/features/mod.ts";
import { readFeatures } from "../../lib/formats/arrow.ts";
import { formatPreprocessor, type Preprocessing } from "../../lib/formats/huggingface.ts";
import { type FloatTensor, floatTensor } from "../../lib/tensor.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { withFolder } from "../folder.ts";
import {
  exportEncoder,
  ourOutputs,
  preprocessingTo,
  randomPixels,
  RECTANGULAR,
  stage,
  writeRandom,
  writeRegistered,
} from "./encoders.ts";
import { expectNear, handedBack, handOver, python, testWithPython } from "./programs.ts";

interface Loaded {
  readonly found: Readonly<Record<string, readonly string[]>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Runs a directory in transformers. */
async function encodeThere(
  folder: string,
  directory: string,
  pixels: FloatTensor,
): Promise<{ readonly loaded: Loaded; readonly tokens: Float32Array }> {
  const given = await handOver(folder, "pixels", { pixel_values: pixels });
  const out = join(folder, "tokens.safetensors");
  const loaded = JSON.parse(await python("transformers_encode", directory, given, out));
  return { loaded, tokens: (await handedBack(out))["last_hidden_state"]!.data as Float32Array };
}

async function expectSameOutput(folder: string, directory: string): Promise<Loaded["config"]> {
  const { config } = await readEncoderSettings(directory);
  const pixels = randomPixels(config.imageSize);
  const { loaded, tokens } = await encodeThere(folder, directory, pixels);
  assert.ok(Object.keys(loaded.found).length >= 2, Object.keys(loaded.found).join());
  for (const [kind, names] of Object.entries(loaded.found)) assert.deepEqual(names, [], kind);
  expectNear("last_hidden_state", tokens, (await ourOutputs(directory, pixels)).tokens.data);
  return loaded.config;
}

testWithPython(
  "transformers: IJepaModel loads the exported directory and gives our output",
  async () => {
    await withFolder(async (folder) => {
      const { encoder } = await exportEncoder(folder);
      const config = await expectSameOutput(folder, encoder);
      const written = JSON.parse(await Deno.readTextFile(join(encoder, "config.json")));
      for (
        const key of [
          "attention_probs_dropout_prob",
          "hidden_act",
          "hidden_dropout_prob",
          "hidden_size",
          "image_size",
          "initializer_range",
          "intermediate_size",
          "layer_norm_eps",
          "model_type",
          "num_attention_heads",
          "num_channels",
          "num_hidden_layers",
          "patch_size",
          "qkv_bias",
        ]
      ) assert.deepEqual(config[key], written[key], key);
    });
  },
);

testWithPython("transformers: an encoder of rectangular images gives our output", async () => {
  await withFolder(async (folder) => {
    const directory = join(folder, "encoder");
    await writeRandom(directory, { config: RECTANGULAR, initStd: 0.1 });
    const { image_size: size } = await expectSameOutput(folder, directory);
    assert.deepEqual(size, [16, 40]);
  });
});

testWithPython(
  "transformers: an encoder with registers is refused, and not run without",
  async () => {
    await withFolder(async (folder) => {
      const directory = join(folder, "encoder");
      await writeRegistered(directory);
      const [named, found] = (await python("transformers_refuse", directory)).trim().split("\n");
      assert.match(named!, /^IJepaModel: RuntimeError: .*ignore_mismatched_sizes/);
      assert.match(
        found!,
        /^AutoModel: ValueError: The checkpoint you are trying to load has model type `ijepa_with_registers` but/,
      );
    });
  },
);

/** Larger, smaller and of other proportions than an encoder wants. */
const SIDES = [[40, 56], [61, 33], [17, 16], [16, 16], [9, 30], [128, 300]] as const;

async function writePictures(
  folder: string,
): Promise<{ readonly files: readonly string[]; readonly shards: string }> {
  const pictures = await Promise.all(SIDES.map((sides, i) => pictureFile(i, sides)));
  const files = pictures.map((_, i) => join(folder, `${i}.png`));
  await Promise.all(pictures.map((bytes, i) => Deno.writeFile(files[i]!, bytes)));
  const shards = join(folder, "shards");
  await writeShards(shards, pictures, { perShard: 4 });
  return { files, shards };
}

/** The pictures of a shards directory, prepared as the features stage does it. */
async function prepareHere(shards: string, preprocessing: Preprocessing): Promise<FloatTensor> {
  await using split = (await openShards(shards)).split("train");
  const values: number[] = [];
  for await (const { images, rows } of preparedBatches(split, { preprocessing, batch: 8 })) {
    values.push(...images.subarray(0, rows * 3 * preprocessing.size[0] * preprocessing.size[1]));
  }
  return floatTensor([split.length, 3, ...preprocessing.size], Float32Array.from(values));
}

testWithPython(
  "transformers: AutoImageProcessor prepares pictures as our features stage does",
  async () => {
    await withFolder(async (folder) => {
      const { encoder } = await exportEncoder(folder);
      const { files, shards } = await writePictures(folder);
      const { preprocessing } = await readEncoder(encoder);
      const out = join(folder, "prepared.safetensors");
      const processors = await python("transformers_prepare", encoder, out, ...files);
      console.log(processors.trim().split("\n").join(", "));
      const there = await handedBack(out);
      const here = await prepareHere(shards, preprocessing);
      // One and a half of 255 levels: transformers rounds to whole ones while it scales, we do not. Measured: 1.002.
      const level = 1.5 / 255 / Math.min(...preprocessing.std);
      for (const backend of ["pil", "torchvision"]) {
        expectNear(backend, there[backend]!.data as Float32Array, here.data, level);
      }
    });
  },
);

for (const [epsilon, written] of [["1e-6", 1e-6], ["default", 1e-12]] as const) {
  testWithPython(
    `transformers: a random IJepaModel with layer_norm_eps ${written} is read by the features stage and gives its own output`,
    async () => {
      await withFolder(async (folder) => {
        const directory = join(folder, "random");
        assert.equal(Number(await python("transformers_random", directory, epsilon)), written);
        const preprocessing = preprocessingTo([16, 24]);
        const text = formatPreprocessor(preprocessing);
        await Deno.writeTextFile(join(directory, "preprocessor_config.json"), text);
        await expectSameOutput(folder, directory);

        const { shards } = await writePictures(folder);
        const out = join(folder, "features.arrow");
        await stage("features", "--encoder", directory, "--shards", shards, "--out", out);
        const { embeddings, rows, width } = await readFeatures(out);
        const pixels = await prepareHere(shards, preprocessing);
        const { tokens } = await encodeThere(folder, directory, pixels);
        expectNear("embedding", embeddings, meansOf(tokens, { rows, width }));
      });
    },
  );
}

/** Means over the tokens, [rows width] of [rows N width]. */
function meansOf(
  tokens: Float32Array,
  { rows, width }: { readonly rows: number; readonly width: number },
): Float64Array {
  const means = new Float64Array(rows * width);
  const perImage = tokens.length / rows;
  tokens.forEach((value, i) => {
    means[Math.floor(i / perImage) * width + i % width]! += value * width / perImage;
  });
  return means;
}
