import assert from "node:assert/strict";
import { Failure } from "../../lib/failure.ts";
import { huggingFaceShapes, toHuggingFace } from "../../lib/formats/huggingface.ts";
import { readTorch } from "../../lib/formats/torch.ts";
import type { ModelConfig } from "../../lib/model/config.ts";
import { POSITIONS, positionTable } from "../../lib/model/inference.ts";
import { encoderShapes, predictorShapes } from "../../lib/model/parameters.ts";
import { isWeight, mapWeights } from "../../lib/start/mapping.ts";
import { type FloatTensor, floatTensor, sizeOf, type TensorRecord } from "../../lib/tensor.ts";

/** The model of tests/fixtures/torch/official.pth.tar. */
const MODEL: ModelConfig = {
  encoder: { imageSize: [16, 16], patchSize: 4, width: 8, depth: 1, heads: 2, mlpWidth: 32 },
  predictor: { width: 4, depth: 1, heads: 1, mlpWidth: 16 },
};
const OFFICIAL = new URL("../fixtures/torch/official.pth.tar", import.meta.url).pathname;

/** Tensors in which no two values are equal. */
function made(shapes: Readonly<Record<string, readonly number[]>>, start: number): TensorRecord {
  let next = start;
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      floatTensor(shape, Float32Array.from({ length: sizeOf(shape) }, () => next++)),
    ]),
  );
}

function prefixed(prefix: string, tensors: TensorRecord): TensorRecord {
  return Object.fromEntries(Object.entries(tensors).map(([name, it]) => [prefix + name, it]));
}

const ENCODER = made(encoderShapes(MODEL.encoder), 0);
const TARGET = made(encoderShapes(MODEL.encoder), 10_000);
const PREDICTOR = made(predictorShapes(MODEL), 20_000);
const BOTH = { ...prefixed("encoder.", ENCODER), ...prefixed("target_encoder.", ENCODER) };
const ALONE = 'starting from "W": 16 tensors to the encoder, the same to the target encoder, ' +
  "none to the predictor, which is new";

function map(tensors: TensorRecord) {
  return mapWeights(tensors, { path: "W", model: MODEL });
}

function refusal(tensors: TensorRecord): string {
  try {
    map(tensors);
  } catch (error) {
    assert.ok(error instanceof Failure && error.kind === "data", String(error));
    const [, what] =
      /^Cannot start from "W": (.*), give weights of this model or set model\.\* to their sizes$/
        .exec(error.message)!;
    return what!;
  }
  assert.fail("nothing was refused");
}

Deno.test("mapWeights() gives an encoder alone to both networks, under timm and Hugging Face names", () => {
  for (const tensors of [ENCODER, toHuggingFace(ENCODER), prefixed("encoder.", ENCODER)]) {
    assert.deepEqual(map(tensors), { tensors: BOTH, told: [ALONE] });
  }
  assert.deepEqual(map(prefixed("target_encoder.", ENCODER)).tensors, BOTH);
});

Deno.test("mapWeights() strips module., wherever data-parallel training has left it", () => {
  for (const prefix of ["module.", "encoder.module.", "module.encoder."]) {
    const { tensors, told } = map(prefixed(prefix, ENCODER));
    assert.deepEqual(tensors, BOTH);
    assert.deepEqual(told, [`${ALONE}; "module." stripped from the names`]);
  }
});

Deno.test("mapWeights() takes both encoders and the predictor of a whole state", () => {
  const state = {
    ...prefixed("encoder.", ENCODER),
    ...prefixed("target_encoder.", TARGET),
    ...prefixed("predictor.", PREDICTOR),
  };
  assert.deepEqual(map(state), {
    tensors: state,
    told: [
      'starting from "W": 16 tensors to the encoder, 16 tensors to the target encoder, ' +
      "19 tensors to the predictor",
    ],
  });
});

Deno.test("mapWeights() takes the checkpoint of the official code", async () => {
  const { tensors, told } = map(await readTorch(OFFICIAL, { wanted: isWeight }));
  const names = Object.entries(tensors).map(([name, { shape }]) => [name, shape] as const);
  assert.deepEqual(Object.fromEntries(names), {
    ...Object.fromEntries(
      ["encoder", "target_encoder"].flatMap((network) =>
        Object.entries(encoderShapes(MODEL.encoder)).map(([name, it]) => [`${network}.${name}`, it])
      ),
    ),
    ...Object.fromEntries(
      Object.entries(predictorShapes(MODEL)).map(([name, it]) => [`predictor.${name}`, it]),
    ),
  });
  // Tensor 1 of encoder and target encoder: make.py says which values they have.
  assert.equal(tensors["encoder.patch_embed.proj.weight"]!.data[0], 13 / 64 - 0.5);
  assert.equal(tensors["target_encoder.patch_embed.proj.weight"]!.data[0], 53 / 64 - 0.5);
  assert.match(
    told[0]!,
    /16 tensors to the target encoder, 19 tensors to the predictor; "module\."/,
  );
  assert.match(
    told[1]!,
    /^encoder\.module\.pos_embed differs by up to 1\.\d+ from this run's fixed one \[1 16 8\], which takes its place$/,
  );
});

Deno.test("mapWeights() leaves position tables to the run, and says when theirs was another", () => {
  const own = positionTable(MODEL.encoder);
  const withTable = (table: FloatTensor) => ({ [POSITIONS]: table, ...ENCODER });
  assert.deepEqual(map(withTable(own)), { tensors: BOTH, told: [ALONE] });
  assert.deepEqual(map(toHuggingFace(withTable(own))), { tensors: BOTH, told: [ALONE] });
  assert.deepEqual(map(withTable(floatTensor([1, 16, 8], own.data.map((x) => x + 0.5)))).told, [
    ALONE,
    "pos_embed differs by up to 0.500 from this run's fixed one [1 16 8], which takes its place",
  ]);
  assert.deepEqual(map(toHuggingFace(withTable(floatTensor([1, 36, 8])))).told, [
    ALONE,
    "embeddings.position_embeddings [1 36 8] is for another grid of patches, " +
    "this run's fixed one [1 16 8] takes its place",
  ]);
});

Deno.test("mapWeights() reads float64, and no whole numbers", () => {
  const bias = ENCODER["norm.bias"]!;
  const wide = {
    dtype: "float64" as const,
    shape: [8],
    data: Float64Array.from(bias.data as Float32Array),
  };
  assert.deepEqual(map({ ...ENCODER, "norm.bias": wide }).tensors, BOTH);
  const whole = { dtype: "int32" as const, shape: [8], data: new Int32Array(8) };
  assert.equal(refusal({ ...ENCODER, "norm.bias": whole }), "norm.bias is int32 [8], wanted [8]");
});

Deno.test("mapWeights() refuses what does not fit, with names and shapes", () => {
  const { "norm.bias": _, ...lacking } = ENCODER;
  assert.equal(refusal(lacking), "norm.bias of the encoder is missing, wanted [8]");
  assert.equal(
    refusal({ ...ENCODER, cls_token: floatTensor([1, 1, 8]) }),
    "cls_token [1 1 8] has no place",
  );
  assert.equal(
    refusal({ ...ENCODER, "patch_embed.proj.weight": floatTensor([8, 3, 2, 2]) }),
    "patch_embed.proj.weight is [8 3 2 2], wanted [8 3 4 4]",
  );
  const deeper = encoderShapes({ ...MODEL.encoder, depth: 2 });
  assert.equal(
    refusal(made(deeper, 0)),
    "blocks.1.norm1.weight [8] has no place, blocks.1.norm1.bias [8] has no place, " +
      "blocks.1.attn.qkv.weight [24 8] has no place and 9 more do not fit",
  );
  assert.match(
    refusal(made(huggingFaceShapes(encoderShapes({ ...MODEL.encoder, width: 12 })), 0)),
    /^embeddings\.patch_embeddings\.projection\.weight is \[12 3 4 4\], wanted \[8 3 4 4\], .* and \d+ more do not fit$/,
  );
  const state = { ...prefixed("encoder.", ENCODER), ...prefixed("predictor.", PREDICTOR) };
  assert.equal(
    refusal({ ...state, "predictor.mask_token": floatTensor([1, 1, 6]) }),
    "predictor.mask_token is [1 1 6], wanted [1 1 4]",
  );
  assert.equal(
    refusal({ ...ENCODER, "norm.bias": floatTensor([8], new Float32Array(8).fill(NaN)) }),
    "norm.bias [8] holds NaN",
  );
  assert.equal(
    refusal({ ...ENCODER, "module.norm.bias": floatTensor([8]) }),
    "module.norm.bias [8] has no place",
  );
  assert.match(refusal({}), /^patch_embed\.proj\.weight of the encoder is missing, .* and 13 more/);
});
