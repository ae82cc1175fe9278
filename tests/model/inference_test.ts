import assert from "node:assert/strict";
import type { EncoderConfig } from "../../lib/model/config.ts";
import {
  encoderProgram,
  featureProgram,
  forwardOperations,
  PIXELS,
} from "../../lib/model/inference.ts";
import { finishedShapes } from "../../lib/model/parameters.ts";
import { POSITIONS, positionTable } from "../../lib/model/positions.ts";
import { type FloatTensor, floatTensor, type TensorRecord } from "../../lib/tensor.ts";
import { runtimesNamed, testOn, type Tried } from "../runtimes.ts";

const [ONNX] = runtimesNamed("onnx") as [Tried];

/** The golden net of docs/method.md section 9. */
const GOLDEN: EncoderConfig = {
  imageSize: [32, 32],
  patchSize: 8,
  width: 16,
  depth: 2,
  heads: 2,
  mlpWidth: 64,
};

/** Its weights by formula; index 0 is the position table, as in the reference's parameter order. */
function goldenWeights(config: EncoderConfig): Record<string, FloatTensor> {
  return Object.fromEntries(
    Object.entries(finishedShapes(config)).map(([name, shape], p) => {
      if (name === POSITIONS) return [name, positionTable(config)];
      const tensor = floatTensor(shape);
      const norm = /norm\d?\.weight$/.test(name) ? 1 : 0;
      for (let i = 0; i < tensor.data.length; i++) {
        tensor.data[i] = norm + 0.1 * Math.sin(0.37 * (i + 1) + 0.11 * (p + 1));
      }
      return [name, tensor];
    }),
  );
}

function waves(count: number, [height, width]: readonly [number, number]): FloatTensor {
  const images = floatTensor([count, 3, height, width]);
  for (let i = 0; i < images.data.length; i++) images.data[i] = Math.sin(0.05 * i);
  return images;
}

async function run(
  tried: Tried,
  program: ReturnType<typeof encoderProgram>,
  { weights, images }: { readonly weights: TensorRecord; readonly images: FloatTensor },
): Promise<TensorRecord> {
  const runtime = await tried.create({ threads: 1 });
  const executable = await runtime.prepare(program);
  executable.store.write(weights);
  const results = await executable.run({ [PIXELS]: images });
  executable.dispose();
  return results;
}

function floats(tensor: TensorRecord[string] | undefined): Float32Array {
  assert.equal(tensor?.dtype, "float32");
  return tensor.data as Float32Array;
}

function near(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(got[i]! - wanted[i]!);
    assert.ok(difference <= tolerance, `[${i}] is ${got[i]}, wanted ${wanted[i]}`);
  }
}

for (const tried of runtimesNamed("cpu", "onnx", "native")) {
  testOn(tried, "encoderProgram() gives the reference's values", async () => {
    const results = await run(tried, encoderProgram(GOLDEN), {
      weights: goldenWeights(GOLDEN),
      images: waves(2, GOLDEN.imageSize),
    });
    const tokens = floats(results["last_hidden_state"]);
    assert.deepEqual(results["last_hidden_state"]!.shape, [2, 16, 16]);
    near(tokens.slice(0, 4), [-0.2787504322, 0.8336516872, -1.0268914972, -1.4596138514], 2e-6);
    near(
      tokens.slice(31 * 16, 31 * 16 + 4),
      [-0.2443797692, 0.9384075389, -0.2106580095, -1.2238813802],
      2e-6,
    );
    near([tokens.reduce((sum, x) => sum + x, 0)], [-5.411817375252], 1e-4);
    near([tokens.reduce((sum, x) => sum + x * x, 0)], [512.120372680623], 1e-3);
    const pooled = floats(results["pooler_output"]);
    assert.deepEqual(results["pooler_output"]!.shape, [2, 16]);
    const means = Float32Array.from({ length: 32 }, (_, at) => {
      const image = Math.floor(at / 16) * 256, column = at % 16;
      let sum = 0;
      for (let token = 0; token < 16; token++) sum += tokens[image + token * 16 + column]!;
      return sum / 16;
    });
    near(pooled, means, 1e-6);
  });
}

for (const tried of runtimesNamed("cpu", "onnx", "native")) {
  testOn(tried, "encoderProgram() takes the epsilon of its configuration", async () => {
    const config = { ...GOLDEN, layerNormEpsilon: 0.1 };
    const results = await run(tried, encoderProgram(config), {
      weights: goldenWeights(config),
      images: waves(2, config.imageSize),
    });
    // By timm's VisionTransformer in float64; with 1e-6 it gives the values above.
    const tokens = floats(results["last_hidden_state"]);
    near(tokens.slice(0, 4), [-0.2632209200, 0.7417979783, -0.9822748711, -1.3415621759], 2e-6);
    near(
      tokens.slice(31 * 16, 31 * 16 + 4),
      [-0.2342249577, 0.8704211189, -0.2001199647, -1.1420460180],
      2e-6,
    );
    near([tokens.reduce((sum, x) => sum + x * x, 0)], [442.1543056972], 1e-3);
  });
}

/** Rectangular, and deep enough for four layers. */
const DEEP: EncoderConfig = { ...GOLDEN, imageSize: [16, 24], depth: 5 };

Deno.test("featureProgram() puts the last layers side by side, the earliest first", async () => {
  const weights = goldenWeights(DEEP);
  const images = waves(3, DEEP.imageSize);
  const four = await run(ONNX, featureProgram(DEEP, 4), { weights, images });
  assert.deepEqual(four["features"]!.shape, [3, 64]);
  for (const [place, depth] of [2, 3, 4, 5].entries()) {
    // An encoder that ends after that block, with the same final norm.
    const config = { ...DEEP, depth };
    const names = Object.keys(finishedShapes(config));
    const shorter = Object.fromEntries(names.map((name) => [name, weights[name]!]));
    const { pooler_output: wanted } = await run(ONNX, encoderProgram(config), {
      weights: shorter,
      images,
    });
    const got = Float32Array.from({ length: 48 }, (_, at) => {
      return floats(four["features"])[Math.floor(at / 16) * 64 + place * 16 + at % 16]!;
    });
    near(got, floats(wanted), 2e-6);
  }
});

Deno.test("featureProgram() refuses more layers than there are", () => {
  assert.throws(() => featureProgram(GOLDEN, 4), {
    name: "RangeError",
    message: "Cannot take 4 layers of an encoder with 2 blocks",
  });
});

Deno.test("forwardOperations() counts what docs/method.md section 2.7 counts", () => {
  const base = { imageSize: [224, 224], patchSize: 16, width: 768, depth: 12, heads: 12 } as const;
  const billions = forwardOperations({ ...base, mlpWidth: 3072 }) / 1e9;
  assert.equal(billions.toFixed(1), "17.5");
});
