import assert from "node:assert/strict";
import { Failure } from "../../lib/failure.ts";
import { huggingFaceShapes, toHuggingFace } from "../../lib/formats/huggingface.ts";
import { readTorch } from "../../lib/formats/torch.ts";
import type { ModelConfig } from "../../lib/model/config.ts";
import { POSITIONS, positionTable, resizePositions } from "../../lib/model/positions.ts";
import {
  encoderShapes,
  finishedPredictorShapes,
  finishedShapes,
  predictorShapes,
} from "../../lib/model/parameters.ts";
import { isWeight, mapWeights } from "../../lib/start/mapping.ts";
import {
  type FloatTensor,
  floatTensor,
  prefixed,
  sizeOf,
  type TensorRecord,
} from "../../lib/tensor.ts";
import { made } from "./made_tensors.ts";

/** The model of tests/fixtures/torch/official.pth.tar. */
const MODEL: ModelConfig = {
  encoder: { imageSize: [16, 16], patchSize: 4, width: 8, depth: 1, heads: 2, mlpWidth: 32 },
  predictor: { width: 4, outputWidth: 8, depth: 1, heads: 1, mlpWidth: 16 },
};
const OFFICIAL = new URL("../fixtures/torch/official.pth.tar", import.meta.url).pathname;

const ENCODER = made(encoderShapes(MODEL.encoder), 0);
const TARGET = made(encoderShapes(MODEL.encoder), 10_000);
const PREDICTOR = made(predictorShapes(MODEL), 20_000);
const BOTH = { ...prefixed("encoder.", ENCODER), ...prefixed("target_encoder.", ENCODER) };
const ALONE = 'starting from "W": 16 tensors to the encoder, the same to the target encoder, ' +
  "none to the predictor, which is new";

function map(tensors: TensorRecord, model = MODEL) {
  return mapWeights(tensors, { path: "W", model });
}

function refusal(tensors: TensorRecord, model = MODEL): string {
  try {
    map(tensors, model);
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
    assert.deepEqual(map(tensors), { tensors: BOTH, notes: [ALONE] });
  }
  assert.deepEqual(map(prefixed("target_encoder.", ENCODER)).tensors, BOTH);
});

Deno.test("mapWeights() strips module., wherever data-parallel training has left it", () => {
  for (const prefix of ["module.", "encoder.module.", "module.encoder."]) {
    const { tensors, notes } = map(prefixed(prefix, ENCODER));
    assert.deepEqual(tensors, BOTH);
    assert.deepEqual(notes, [`${ALONE}; "module." stripped from the names`]);
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
    notes: [
      'starting from "W": 16 tensors to the encoder, 16 tensors to the target encoder, ' +
      "19 tensors to the predictor",
    ],
  });
});

Deno.test("mapWeights() takes the checkpoint of the official code", async () => {
  const { tensors, notes } = map(await readTorch(OFFICIAL, { wanted: isWeight }));
  const names = Object.entries(tensors).map(([name, { shape }]) => [name, shape] as const);
  assert.deepEqual(Object.fromEntries(names), {
    ...prefixed("encoder.", finishedShapes(MODEL.encoder)),
    ...prefixed("target_encoder.", finishedShapes(MODEL.encoder)),
    ...prefixed("predictor.", finishedPredictorShapes(MODEL)),
  });
  // Tensor 1 of encoder and target encoder: make.py says which values they have.
  assert.equal(tensors["encoder.patch_embed.proj.weight"]!.data[0], 13 / 64 - 0.5);
  assert.equal(tensors["target_encoder.patch_embed.proj.weight"]!.data[0], 53 / 64 - 0.5);
  assert.equal(notes.length, 1);
  assert.match(
    notes[0]!,
    /17 tensors to the target encoder, 20 tensors to the predictor; "module\."/,
  );
});

Deno.test("mapWeights() takes position tables as they are when the grid is the same", () => {
  const table = floatTensor([1, 16, 8], positionTable(MODEL.encoder).data.map((x) => x + 0.5));
  const wanted = {
    ...BOTH,
    ...prefixed("encoder.", { [POSITIONS]: table }),
    ...prefixed("target_encoder.", { [POSITIONS]: table }),
  };
  const notes = [ALONE.replace("16 tensors", "17 tensors")];
  const tensors = { [POSITIONS]: table, ...ENCODER };
  assert.deepEqual(map(tensors), { tensors: wanted, notes });
  assert.deepEqual(map(toHuggingFace(tensors)), { tensors: wanted, notes });
});

Deno.test("mapWeights() resizes position tables of another grid, square or as its source says", () => {
  const table = made({ [POSITIONS]: [1, 36, 8] }, 1);
  const resized = (from: readonly [number, number]) =>
    resizePositions(table[POSITIONS] as FloatTensor, { from, to: [4, 4] });
  const square = map(toHuggingFace({ ...table, ...ENCODER }));
  assert.deepEqual(square.tensors["target_encoder.pos_embed"], resized([6, 6]));
  assert.deepEqual(square.notes.slice(1), [
    "embeddings.position_embeddings resized from 6x6 to 4x4 patches (bicubic)",
  ]);
  const wide = mapWeights({ ...table, ...ENCODER }, { path: "W", model: MODEL, grid: [4, 9] });
  assert.deepEqual(wide.tensors["encoder.pos_embed"], resized([4, 9]));
  const predictor = made({ "predictor.predictor_pos_embed": [1, 4, 4] }, 1);
  const state = { ...prefixed("encoder.", ENCODER), ...prefixed("predictor.", PREDICTOR) };
  const { tensors, notes } = map({ ...state, ...predictor });
  assert.deepEqual(tensors["predictor.predictor_pos_embed"]!.shape, [1, 16, 4]);
  assert.deepEqual(notes.slice(1), [
    "predictor.predictor_pos_embed resized from 2x2 to 4x4 patches (bicubic)",
  ]);
});

Deno.test("mapWeights() refuses position tables that fit no grid", () => {
  const withTable = (shape: readonly number[], value = 0) => ({
    [POSITIONS]: floatTensor(shape, new Float32Array(sizeOf(shape)).fill(value)),
    ...ENCODER,
  });
  assert.equal(
    refusal(withTable([1, 15, 8])),
    "pos_embed [1 15 8] is for 15 patches, neither 4x4 nor a square",
  );
  assert.equal(refusal(withTable([1, 16, 6])), "pos_embed is [1 16 6], wanted [1 N 8]");
  assert.equal(refusal(withTable([1, 16, 8], NaN)), "pos_embed [1 16 8] holds NaN");
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
  assert.equal(refusal({}), "it holds no weights, wanted patch_embed.proj.weight");
});

const REGISTERED: ModelConfig = { ...MODEL, encoder: { ...MODEL.encoder, registers: 2 } };
const WITH = made(encoderShapes(REGISTERED.encoder), 40_000);

Deno.test("mapWeights() takes registers, under official and Hugging Face names", () => {
  const table = floatTensor([1, 16, 8], positionTable(MODEL.encoder).data.map((x) => x + 0.5));
  const whole = { [POSITIONS]: table, ...WITH };
  const wanted = { ...prefixed("encoder.", whole), ...prefixed("target_encoder.", whole) };
  for (const tensors of [whole, toHuggingFace(whole)]) {
    assert.deepEqual(map(tensors, REGISTERED), {
      tensors: wanted,
      notes: [ALONE.replace("16 tensors", "18 tensors")],
    });
  }
  // The rows in front are for no patch when a table is resized.
  const larger = made({ [POSITIONS]: [1, 36, 8] }, 1);
  const { tensors, notes } = map(toHuggingFace({ ...larger, ...WITH }), REGISTERED);
  assert.deepEqual(
    tensors["encoder.pos_embed"],
    resizePositions(larger[POSITIONS] as FloatTensor, { from: [6, 6], to: [4, 4] }),
  );
  assert.equal(notes.length, 2);
});

Deno.test("mapWeights() says that registers are new where the weights have none", () => {
  const notes = [ALONE, "it has no registers: the 2 of this run are new"];
  for (const tensors of [ENCODER, toHuggingFace(ENCODER)]) {
    assert.deepEqual(map(tensors, REGISTERED), { tensors: BOTH, notes });
  }
});

Deno.test("mapWeights() refuses registers that the model has not, or not as many", () => {
  assert.equal(
    refusal(WITH),
    "register_tokens [1 2 8] has no place without model.registers=2",
  );
  assert.equal(
    refusal(toHuggingFace(WITH)),
    "embeddings.register_tokens [1 2 8] has no place without model.registers=2",
  );
  assert.equal(
    refusal(made(encoderShapes({ ...MODEL.encoder, registers: 5 }), 0), REGISTERED),
    "register_tokens is [1 5 8], wanted [1 2 8]",
  );
  // One network with registers: the other has lost them.
  assert.equal(
    refusal({ ...prefixed("encoder.", WITH), ...prefixed("target_encoder.", TARGET) }, REGISTERED),
    "register_tokens of the target encoder is missing, wanted [1 2 8]",
  );
});
