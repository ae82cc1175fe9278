import assert from "node:assert/strict";
import {
  encoderShapes,
  initialise,
  isDecayed,
  predictorShapes,
  type ShapeTable,
} from "../../lib/model/parameters.ts";
import { sizeOf } from "../../lib/tensor.ts";

function count(shapes: ShapeTable): number {
  return Object.values(shapes).reduce((total, shape) => total + sizeOf(shape), 0);
}

function encoder(
  width: number,
  depth: number,
  heads: number,
  mlpWidth = 4 * width,
  patchSize = 16,
) {
  const side = patchSize * 14;
  return { imageSize: [side, side], patchSize, width, depth, heads, mlpWidth } as const;
}

/** Trainable parameters of docs/method.md section 2.7, counted on the official code. */
Deno.test("encoderShapes() and predictorShapes() have the official numbers of parameters", () => {
  const sizes = [
    [encoder(192, 12, 3), 5_486_400, 6, 10_795_968],
    [encoder(384, 12, 6), 21_589_632, 6, 10_943_616],
    [encoder(768, 12, 12), 85_646_592, 6, 11_238_912],
    [encoder(1024, 24, 16), 303_098_880, 12, 22_082_560],
    [encoder(1280, 32, 16), 630_664_960, 12, 22_279_424],
    [encoder(1280, 32, 16, 5120, 14), 630_434_560, 12, 22_279_424],
    [encoder(1408, 40, 16, 6144), 1_011_092_608, 16, 29_475_712],
  ] as const;
  for (const [config, parameters, depth, predictorParameters] of sizes) {
    assert.equal(count(encoderShapes(config)), parameters);
    const predictor = {
      width: 384,
      outputWidth: config.width,
      depth,
      heads: config.heads,
      mlpWidth: 1536,
    };
    assert.equal(count(predictorShapes({ encoder: config, predictor })), predictorParameters);
  }
});

Deno.test("isDecayed() leaves out biases and one-dimensional tensors, and keeps the mask token", () => {
  const shapes = { ...encoderShapes(encoder(384, 12, 6)) };
  const predictor = predictorShapes({
    encoder: encoder(384, 12, 6),
    predictor: { width: 384, outputWidth: 384, depth: 6, heads: 6, mlpWidth: 1536 },
  });
  const decayed = (table: ShapeTable) =>
    Object.entries(table).filter(([name, shape]) => isDecayed(name, shape)).length;
  // The official groups: 50/28/99/52, where 50 and 28 count the fixed position table too.
  assert.equal(decayed(shapes), 49);
  assert.equal(decayed(predictor), 27);
  assert.equal(Object.keys(shapes).length - decayed(shapes), 99);
  assert.equal(Object.keys(predictor).length - decayed(predictor), 52);
  assert.ok(isDecayed("mask_token", [1, 1, 384]));
});

Deno.test("initialise() draws each tensor on its own, with the given deviation", () => {
  const options = { seed: 1, initStd: 0.02, patchEmbedStd: 0.1 };
  const shallow = initialise(encoderShapes(encoder(64, 1, 2)), "encoder", options);
  const deep = initialise(encoderShapes(encoder(64, 3, 2)), "encoder", options);
  for (const [name, tensor] of Object.entries(shallow)) {
    assert.deepEqual(deep[name]!.data, tensor.data, name);
  }
  const deviation = (name: string) => {
    const { data } = deep[name]!;
    return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
  };
  assert.ok(Math.abs(deviation("blocks.0.mlp.fc1.weight") / 0.02 - 1) < 0.03);
  assert.ok(Math.abs(deviation("patch_embed.proj.weight") / 0.1 - 1) < 0.03);
  assert.notDeepEqual(deep["blocks.0.mlp.fc1.weight"]!.data, deep["blocks.1.mlp.fc1.weight"]!.data);
  assert.ok(deep["blocks.2.norm1.weight"]!.data.every((x) => x === 1));
  assert.ok(deep["blocks.2.attn.qkv.bias"]!.data.every((x) => x === 0));
});
