import assert from "node:assert/strict";
import { Failure } from "../../lib/failure.ts";
import { toHuggingFace } from "../../lib/formats/huggingface.ts";
import type { ModelConfig } from "../../lib/model/config.ts";
import { encoderShapes, predictorShapes } from "../../lib/model/parameters.ts";
import { mapWeights } from "../../lib/start/mapping.ts";
import { floatTensor, prefixed, type TensorRecord } from "../../lib/tensor.ts";
import { made } from "./made_tensors.ts";

const MODEL: ModelConfig = {
  encoder: { imageSize: [16, 16], patchSize: 4, width: 8, depth: 2, heads: 2, mlpWidth: 32 },
  predictor: { width: 4, outputWidth: 8, depth: 1, heads: 1, mlpWidth: 16 },
};

const ENCODER = made(encoderShapes(MODEL.encoder), 0);
const TARGET = made(encoderShapes(MODEL.encoder), 10_000);
const PREDICTOR = made(predictorShapes(MODEL), 20_000);
const BOTH = { ...prefixed("encoder.", ENCODER), ...prefixed("target_encoder.", ENCODER) };
const ALL = {
  ...prefixed("encoder.", ENCODER),
  ...prefixed("target_encoder.", TARGET),
  ...prefixed("predictor.", PREDICTOR),
};

function map(tensors: TensorRecord) {
  return mapWeights(tensors, { path: "W", model: MODEL });
}

function refusal(tensors: TensorRecord): string {
  try {
    map(tensors);
  } catch (error) {
    assert.ok(error instanceof Failure && error.kind === "data", String(error));
    return error.message;
  }
  assert.fail("was accepted");
}

for (
  const prefix of [
    ...["", "module.", "_orig_mod.", "backbone.", "ijepa.", "encoder.", "model.", "state_dict."],
    ...["state_dict.model.backbone._orig_mod.", "module._orig_mod.ijepa.", "teacher.vit.trunk."],
    ...["_orig_mod.module.encoder.", "state_dict.encoder.module.", "encoder.encoder."],
  ]
) {
  Deno.test(`mapWeights() takes an encoder whose names begin with "${prefix}"`, () => {
    assert.deepEqual(map(prefixed(prefix, ENCODER)).tensors, BOTH);
    assert.deepEqual(map(prefixed(prefix, toHuggingFace(ENCODER))).tensors, BOTH);
  });
}

for (
  const prefix of [
    "",
    "module.",
    "_orig_mod.",
    "state_dict.",
    "model.ijepa.",
    "state_dict.model._orig_mod.",
  ]
) {
  Deno.test(`mapWeights() takes all networks of a run under "${prefix}", and wrappers within`, () => {
    const within = {
      ...prefixed("encoder.module.", ENCODER),
      ...prefixed("target_encoder._orig_mod.module.", TARGET),
      ...prefixed("predictor.", PREDICTOR),
    };
    assert.deepEqual(map(prefixed(prefix, within)).tensors, ALL);
  });
}

Deno.test("mapWeights() takes wrappers out of the middle of names, and says what it stripped", () => {
  const compiled = Object.fromEntries(
    Object.entries(ENCODER).map((
      [name, tensor],
    ) => [`backbone.${name.replace(/^(blocks\.\d+)\./, "$1._orig_mod.")}`, tensor]),
  );
  const { tensors, notes } = map(compiled);
  assert.deepEqual(tensors, BOTH);
  assert.match(notes[0]!, /; "backbone\." and "_orig_mod\." stripped from the names$/);
});

Deno.test("mapWeights() passes over tensors outside of the networks and says so", () => {
  const { tensors, notes } = map({
    ...prefixed("ijepa.", toHuggingFace(ENCODER)),
    "classifier.weight": floatTensor([10, 8]),
    "classifier.bias": floatTensor([10]),
  });
  assert.deepEqual(tensors, BOTH);
  assert.equal(
    notes[1],
    "passed over what belongs to no network of a run: classifier.weight, classifier.bias",
  );
});

Deno.test("mapWeights() refuses what says that it is of a network, or of one that is there twice", () => {
  assert.match(
    refusal({ ...prefixed("encoder.", ENCODER), "predictor.decoder.weight": floatTensor([2]) }),
    /predictor\.decoder\.weight \[2\] has no place/,
  );
  assert.equal(
    refusal({ ...prefixed("model.", ENCODER), ...prefixed("model_ema.", TARGET) }),
    'Cannot start from "W": it has several tensors for the encoder, under "model_ema." and "model.", ' +
      "save those alone that are meant, give weights of this model or set model.* to their sizes",
  );
});

Deno.test("mapWeights() shows the file's own names where nothing fits", () => {
  const other = (...names: string[]) =>
    refusal(Object.fromEntries(names.map((name) => [name, floatTensor([1])])));
  const tail =
    ", wanted patch_embed.proj.weight, give weights of this model or set model.* to their sizes";
  assert.equal(
    other(
      "visual.trunk.stem.0.weight",
      "visual.trunk.stem.0.bias",
      "visual.trunk.head",
      "visual.trunk.x",
    ),
    'Cannot start from "W": its names begin with "visual.trunk.": visual.trunk.stem.0.weight, ' +
      `visual.trunk.stem.0.bias, visual.trunk.head and 1 more${tail}`,
  );
  assert.equal(other("a", "b.c"), `Cannot start from "W": its names are a, b.c${tail}`);
  assert.equal(
    other("only.one"),
    `Cannot start from "W": its names begin with "only.": only.one${tail}`,
  );
});

Deno.test("mapWeights() shows some that are missing and some without a place", () => {
  const { "norm.bias": _, ...lacking } = ENCODER;
  assert.equal(
    refusal({ ...lacking, "norm.beta": floatTensor([8]) }),
    'Cannot start from "W": norm.bias of the encoder is missing, wanted [8]; norm.beta [8] has no place, ' +
      "give weights of this model or set model.* to their sizes",
  );
});

Deno.test("mapWeights() says in a short sentence what 200,000 empty tensors are", () => {
  const empty = floatTensor([0]);
  const many = Object.fromEntries(Array.from({ length: 2e5 }, (_, i) => [`t${i}`, empty]));
  assert.match(refusal(many), /its names are t0, t1, t2 and 199997 more, wanted/);
  assert.match(
    refusal({ ...ENCODER, ...many }),
    /: t0 \[0\] has no place, t1 \[0\] has no place, t2 \[0\] has no place and 199997 more do not fit,/,
  );
});

Deno.test("mapWeights() takes no name for more than a name", () => {
  const odd = Object.fromEntries(
    ["__proto__", "constructor", "toString", "hasOwnProperty"].map((
      name,
    ) => [name, floatTensor([1])]),
  );
  assert.match(refusal(odd), /its names are/);
  assert.match(refusal({ ...ENCODER, ...odd }), /constructor \[1\] has no place/);
});
