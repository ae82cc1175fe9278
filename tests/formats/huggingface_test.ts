import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type EncoderSizes,
  formatConfig,
  formatPreprocessor,
  fromHuggingFace,
  huggingFaceNames,
  huggingFaceShapes,
  parseConfig,
  parsePreprocessor,
  type Preprocessing,
  toHuggingFace,
} from "../../lib/formats/huggingface.ts";
import { finishedShapes } from "../../lib/model/parameters.ts";
import { floatTensor, sizeOf } from "../../lib/tensor.ts";

const HUGE: EncoderSizes = {
  imageSize: [224, 224],
  patchSize: 14,
  width: 1280,
  depth: 32,
  heads: 16,
  mlpWidth: 5120,
};
const SMALL: EncoderSizes = {
  ...HUGE,
  width: 8,
  depth: 2,
  heads: 2,
  mlpWidth: 12,
  imageSize: [28, 42],
};

/** The message of a parser for `config.json` or `preprocessor_config.json` in folder `E`. */
function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    assert.equal((error as { kind?: string }).kind, "data");
    const { message } = error as Error;
    const end =
      ', give an I-JEPA encoder in Hugging Face layout, for example one that "deno task ' +
      'checkpoint" wrote';
    assert.ok(message.endsWith(end), message);
    return message.slice(0, -end.length);
  }
  assert.fail("was accepted");
}

Deno.test("huggingFaceShapes() has the tensors of facebook/ijepa_vith14_1k", () => {
  const shapes = huggingFaceShapes(finishedShapes(HUGE));
  assert.equal(Object.keys(shapes).length, 517);
  assert.equal(Object.values(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0), 630_762_240);
  assert.deepEqual(shapes["embeddings.position_embeddings"], [1, 256, 1280]);
  assert.deepEqual(shapes["embeddings.patch_embeddings.projection.weight"], [1280, 3, 14, 14]);
  assert.deepEqual(
    Object.fromEntries(Object.entries(shapes).filter(([name]) => name.includes(".layer.31."))),
    {
      "encoder.layer.31.layernorm_before.weight": [1280],
      "encoder.layer.31.layernorm_before.bias": [1280],
      "encoder.layer.31.attention.attention.query.weight": [1280, 1280],
      "encoder.layer.31.attention.attention.key.weight": [1280, 1280],
      "encoder.layer.31.attention.attention.value.weight": [1280, 1280],
      "encoder.layer.31.attention.attention.query.bias": [1280],
      "encoder.layer.31.attention.attention.key.bias": [1280],
      "encoder.layer.31.attention.attention.value.bias": [1280],
      "encoder.layer.31.attention.output.dense.weight": [1280, 1280],
      "encoder.layer.31.attention.output.dense.bias": [1280],
      "encoder.layer.31.layernorm_after.weight": [1280],
      "encoder.layer.31.layernorm_after.bias": [1280],
      "encoder.layer.31.intermediate.dense.weight": [5120, 1280],
      "encoder.layer.31.intermediate.dense.bias": [5120],
      "encoder.layer.31.output.dense.weight": [1280, 5120],
      "encoder.layer.31.output.dense.bias": [1280],
    },
  );
  assert.deepEqual(shapes["layernorm.bias"], [1280]);
});

Deno.test("huggingFaceNames() refuses what is no tensor of an encoder", () => {
  assert.throws(() => huggingFaceNames("blocks.0.attn.gate.weight"), {
    name: "RangeError",
    message: '"blocks.0.attn.gate.weight" is no tensor of an encoder',
  });
});

Deno.test("toHuggingFace() splits query, key and value in that order; fromHuggingFace() is its inverse", () => {
  const shapes = finishedShapes(SMALL);
  let next = 0;
  const tensors = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const tensor = floatTensor(shape);
      for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = next++;
      return [name, tensor];
    }),
  );
  const renamed = toHuggingFace(tensors);
  assert.deepEqual(
    Object.fromEntries(Object.entries(renamed).map(([name, { shape }]) => [name, shape])),
    huggingFaceShapes(shapes),
  );
  const fused = tensors["blocks.1.attn.qkv.weight"]!.data;
  ["query", "key", "value"].forEach((part, index) => {
    const split = renamed[`encoder.layer.1.attention.attention.${part}.weight`]!;
    assert.deepEqual(split.data, fused.slice(index * 64, (index + 1) * 64));
  });
  assert.deepEqual(fromHuggingFace(renamed, shapes), tensors);
});

Deno.test("toHuggingFace() puts a row of zeros for each register in front of the positions", () => {
  const shapes = finishedShapes({ ...SMALL, registers: 2 });
  const tensors = Object.fromEntries(
    Object.entries(shapes).map(([name, shape], index) => {
      const tensor = floatTensor(shape);
      tensor.data.forEach((_, i) => tensor.data[i] = 1 + index + i);
      return [name, tensor];
    }),
  );
  const renamed = toHuggingFace(tensors);
  assert.deepEqual(
    Object.fromEntries(Object.entries(renamed).map(([name, { shape }]) => [name, shape])),
    huggingFaceShapes(shapes),
  );
  const width = SMALL.width, [, patches] = shapes["pos_embed"]!;
  const table = renamed["embeddings.position_embeddings"]!;
  assert.deepEqual(table.shape, [1, 2 + patches!, width]);
  assert.deepEqual([...table.data.slice(0, 2 * width)], new Array(2 * width).fill(0));
  assert.deepEqual(table.data.slice(2 * width), tensors["pos_embed"]!.data);
  assert.deepEqual(renamed["embeddings.register_tokens"], tensors["register_tokens"]);
  assert.deepEqual(fromHuggingFace(renamed, shapes), tensors);
});

Deno.test("formatConfig() writes what transformers reads", () => {
  assert.deepEqual(JSON.parse(formatConfig(HUGE)), {
    architectures: ["IJepaModel"],
    attention_probs_dropout_prob: 0,
    hidden_act: "gelu",
    hidden_dropout_prob: 0,
    hidden_size: 1280,
    image_size: 224,
    initializer_range: 0.02,
    intermediate_size: 5120,
    layer_norm_eps: 1e-6,
    mlp_ratio: 4,
    model_type: "ijepa",
    num_attention_heads: 16,
    num_channels: 3,
    num_hidden_layers: 32,
    patch_size: 14,
    qkv_bias: true,
    torch_dtype: "float32",
    transformers_version: "4.47.0",
  });
});

Deno.test("formatConfig() gives an encoder with registers a name that transformers does not know", () => {
  const { architectures, model_type, num_register_tokens, ...rest } = JSON.parse(
    formatConfig({ ...HUGE, registers: 4 }),
  );
  assert.deepEqual(architectures, ["IJepaWithRegistersModel"]);
  assert.deepEqual([model_type, num_register_tokens], ["ijepa_with_registers", 4]);
  const { architectures: _, model_type: __, ...plain } = JSON.parse(formatConfig(HUGE));
  assert.deepEqual(rest, plain);
});

Deno.test("parseConfig() reads what formatConfig() writes", () => {
  const count = fc.integer({ min: 1, max: 40 });
  const sizes = fc.record({
    rows: count,
    columns: count,
    patchSize: count,
    heads: count,
    perHead: count,
    depth: count,
    mlpWidth: count,
    registers: fc.integer({ min: 0, max: 64 }),
  });
  fc.assert(fc.property(sizes, ({ rows, columns, patchSize, perHead, registers, ...rest }) => {
    const config: EncoderSizes = {
      ...rest,
      imageSize: [rows * patchSize, columns * patchSize],
      patchSize,
      width: rest.heads * perHead,
      ...registers === 0 ? {} : { registers },
    };
    assert.deepEqual(parseConfig(formatConfig(config), "config.json"), config);
  }));
});

Deno.test("parseConfig() reads the epsilon of LayerNorms, 1e-12 where none is written", () => {
  const written = JSON.parse(formatConfig(HUGE));
  const read = (eps: unknown) =>
    parseConfig(JSON.stringify({ ...written, layer_norm_eps: eps }), "config.json");
  assert.deepEqual(read(1e-6), HUGE);
  assert.deepEqual(read(undefined), { ...HUGE, layerNormEpsilon: 1e-12 });
  const other = { ...HUGE, layerNormEpsilon: 1e-5 };
  assert.deepEqual(read(1e-5), other);
  assert.equal(JSON.parse(formatConfig(other)).layer_norm_eps, 1e-5);
});

Deno.test("parseConfig() names what it cannot run", () => {
  const change = (changes: object) => () =>
    parseConfig(JSON.stringify({ ...JSON.parse(formatConfig(HUGE)), ...changes }), "E/config.json");
  const cases: [object, string][] = [
    [{ model_type: "vit" }, '"model_type" wants "ijepa" or "ijepa_with_registers", got "vit"'],
    [{ model_type: "ijepa_with_registers" }, '"num_register_tokens" is missing'],
    [
      { model_type: "ijepa_with_registers", num_register_tokens: 0 },
      '"num_register_tokens" wants a whole number from 1 to 64, got 0',
    ],
    [
      { model_type: "ijepa_with_registers", num_register_tokens: 65 },
      '"num_register_tokens" wants a whole number from 1 to 64, got 65',
    ],
    [{ layer_norm_eps: 0 }, '"layer_norm_eps" wants a number between 0 and 1, got 0'],
    [{ layer_norm_eps: -1e-6 }, '"layer_norm_eps" wants a number between 0 and 1, got -0.000001'],
    [{ layer_norm_eps: 1 }, '"layer_norm_eps" wants a number between 0 and 1, got 1'],
    [{ layer_norm_eps: "1e-6" }, '"layer_norm_eps" wants a number between 0 and 1, got "1e-6"'],
    [{ hidden_act: "relu" }, '"hidden_act" wants "gelu", got "relu"'],
    [{ num_channels: 1 }, '"num_channels" wants 3, got 1'],
    [{ qkv_bias: false }, '"qkv_bias" wants true, got false'],
    [{ hidden_size: "1280" }, '"hidden_size" wants a whole number from 1 to 65536, got "1280"'],
    [{ hidden_size: 1e300 }, '"hidden_size" wants a whole number from 1 to 65536, got 1e+300'],
    [{ hidden_size: -8 }, '"hidden_size" wants a whole number from 1 to 65536, got -8'],
    [
      { num_hidden_layers: 2 ** 31 },
      '"num_hidden_layers" wants a whole number from 1 to 1024, got 2147483648',
    ],
    [
      { num_hidden_layers: 2.5 },
      '"num_hidden_layers" wants a whole number from 1 to 1024, got 2.5',
    ],
    [
      { num_attention_heads: 0 },
      '"num_attention_heads" wants a whole number from 1 to 1024, got 0',
    ],
    [
      { intermediate_size: 2 ** 40 },
      '"intermediate_size" wants a whole number from 1 to 1048576, got 1099511627776',
    ],
    [{ patch_size: 2 ** 20 }, '"patch_size" wants a whole number from 1 to 1024, got 1048576'],
    [
      { image_size: 2 ** 20 },
      '"image_size" wants pixels, or height and width, at most 16384, got 1048576',
    ],
    [{ image_size: [] }, '"image_size" wants pixels, or height and width, at most 16384, got []'],
    [
      { image_size: 14 * 512 },
      "image_size 7168x7168 has 262144 patches of 14, wanted at most 16384",
    ],
    [{ num_hidden_layers: undefined }, '"num_hidden_layers" is missing'],
    [
      { image_size: [1, 2, 3] },
      '"image_size" wants pixels, or height and width, at most 16384, got [1,2,3]',
    ],
    [{ image_size: 225 }, "image_size 225x225 is no multiple of patch_size 14"],
    [{ num_attention_heads: 7 }, "hidden_size 1280 is no multiple of num_attention_heads 7"],
  ];
  for (const [changes, wanted] of cases) {
    assert.equal(refusal(change(changes)), `Cannot read "E/config.json": ${wanted}`);
  }
  assert.match(
    refusal(() => parseConfig("{", "E/config.json")),
    /"E\/config.json": it is not JSON \(/,
  );
  assert.equal(
    refusal(() => parseConfig("[]", "E/config.json")),
    'Cannot read "E/config.json": "model_type" is missing',
  );
  const nest = "[".repeat(1e5) + "]".repeat(1e5);
  assert.ok(
    refusal(() => parseConfig(`{"model_type":${nest}}`, "E/config.json")).length < 200,
    "a short sentence",
  );
});

const CROPPED: Preprocessing = {
  resize: "shorter-side",
  shorterSide: 256,
  size: [224, 192],
  filter: "bicubic",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};
const STRETCHED: Preprocessing = {
  resize: "stretch",
  size: [224, 192],
  filter: "bilinear",
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.5, 0.5],
};

Deno.test("formatPreprocessor() writes what transformers and transformers.js read", () => {
  assert.deepEqual(JSON.parse(formatPreprocessor(CROPPED)), {
    crop_size: { height: 224, width: 192 },
    do_center_crop: true,
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: [0.485, 0.456, 0.406],
    image_processor_type: "BitImageProcessor",
    image_std: [0.229, 0.224, 0.225],
    resample: 3,
    rescale_factor: 0.00392156862745098,
    size: { shortest_edge: 256 },
  });
});

Deno.test("parsePreprocessor() reads both ways to scale, and Hugging Face's own files", () => {
  for (const wanted of [CROPPED, STRETCHED]) {
    assert.deepEqual(parsePreprocessor(formatPreprocessor(wanted), "P"), wanted);
  }
  // As facebook/ijepa_vith14_1k has it.
  const published = {
    do_convert_rgb: null,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_processor_type: "ViTImageProcessor",
    image_std: [0.5, 0.5, 0.5],
    resample: 2,
    rescale_factor: 0.00392156862745098,
    size: { height: 224, width: 224 },
  };
  assert.deepEqual(parsePreprocessor(JSON.stringify(published), "P"), {
    resize: "stretch",
    size: [224, 224],
    filter: "bilinear",
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  });
});

Deno.test("parsePreprocessor() names what it cannot repeat", () => {
  const path = "E/preprocessor_config.json";
  const change = (changes: object) => () =>
    parsePreprocessor(
      JSON.stringify({ ...JSON.parse(formatPreprocessor(CROPPED)), ...changes }),
      path,
    );
  const cases: [object, string][] = [
    [{ do_resize: false }, '"do_resize" wants true, got false'],
    [{ do_normalize: false }, '"do_normalize" wants true, got false'],
    [{ do_flip_channel_order: true }, '"do_flip_channel_order" wants false, got true'],
    [{ do_grayscale: true }, '"do_grayscale" wants false, got true'],
    [{ do_pad: true }, '"do_pad" wants false, got true'],
    [{ rescale_factor: 1 }, '"rescale_factor" wants 1 / 255, got 1'],
    [{ resample: 1 }, '"resample" wants 2 (bilinear) or 3 (bicubic), got 1'],
    [{ image_mean: [0.5] }, '"image_mean.1" is missing'],
    [
      { image_std: [1, 0, 1] },
      '"image_std.1" wants three numbers above zero, got 0',
    ],
    [
      { size: { height: 8, width: 8 } },
      "a centre crop needs size.shortest_edge and crop_size",
    ],
    [{ image_std: [1, -1, 1] }, '"image_std.1" wants three numbers above zero, got -1'],
    [{ image_std: [1, 1, 1e9] }, '"image_std.2" wants three numbers above zero, got 1000000000'],
    [{ image_mean: [0, 0, null] }, '"image_mean.2" wants three numbers, got null'],
    [
      { size: { shortest_edge: 2 ** 31 } },
      '"size" wants height and width, at most 16384, got {"shortest_edge":2147483648}',
    ],
    [
      { size: { shortest_edge: 200 } },
      "crop_size 224x192 does not fit into size.shortest_edge 200",
    ],
    [
      { do_center_crop: false },
      'without a centre crop "size" wants height and width, at most 16384, got shortest_edge',
    ],
  ];
  for (const [changes, wanted] of cases) {
    assert.equal(refusal(change(changes)), `Cannot read "${path}": ${wanted}`);
  }
});
