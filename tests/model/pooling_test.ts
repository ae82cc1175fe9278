import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import type { EncoderConfig } from "../../lib/model/config.ts";
import { encoderProgram, featureProgram, PIXELS } from "../../lib/model/inference.ts";
import { encoderShapes, initialise } from "../../lib/model/parameters.ts";
import { pool, type Pooling, POOLINGS, vectorsOf } from "../../lib/model/pooling.ts";
import { POSITIONS, positionTable } from "../../lib/model/positions.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { type FloatTensor, floatTensor, type TensorRecord } from "../../lib/tensor.ts";
import { runtimesNamed, testOn, type Tried } from "../runtimes.ts";
import { regionMeans, type Tokens } from "./pooled.ts";

tf.enableProdMode();
await tf.setBackend("cpu");

function noise(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new RandomStream({ seed, purpose: "pooling" });
  return Float32Array.from({ length: count }, () => random.normal());
}

/** The pooled tokens in double precision, [B, V D]. */
function pooledThere(tokens: Tokens, pooling: Pooling): ArrayLike<number> {
  if (pooling === "tokens") return tokens.data;
  return regionMeans(tokens, pooling === "mean" ? 1 : Number(pooling[0]));
}

function near(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(got[i]! - wanted[i]!);
    assert.ok(difference <= tolerance, `[${i}] is ${got[i]}, wanted ${wanted[i]}`);
  }
}

Deno.test("pool() gives what PyTorch's adaptive_avg_pool2d gives where regions share rows", () => {
  // torch.nn.functional.adaptive_avg_pool2d(torch.arange(20.).reshape(1, 1, 4, 5), 3), worked out by hand:
  // rows 0 to 1, 1 to 2, 2 to 3; columns 0 to 1, 1 to 3, 3 to 4.
  const tokens = tf.tensor3d(Float32Array.from({ length: 20 }, (_, i) => i), [1, 20, 1]);
  near(pool(tokens, [4, 5], "3x3").dataSync(), [3, 4.5, 6, 8, 9.5, 11, 13, 14.5, 16], 1e-6);
});

Deno.test("pool() gives the means of regions, for any grid", () => {
  const sizes = fc.record({
    grid: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
    batch: fc.integer({ min: 1, max: 3 }),
    width: fc.integer({ min: 1, max: 5 }),
    pooling: fc.constantFrom(...POOLINGS),
    seed: fc.nat(1000),
  });
  fc.assert(fc.property(sizes, ({ grid, batch, width, pooling, seed }) => {
    const data = noise(batch * grid[0] * grid[1] * width, seed);
    tf.tidy(() => {
      const tokens = tf.tensor3d(data, [batch, grid[0] * grid[1], width]);
      const regions = { mean: 1, "2x2": 2, "3x3": 3, tokens: 1 }[pooling];
      if (Math.min(...grid) < regions) {
        assert.throws(() => pool(tokens, grid, pooling), {
          name: "RangeError",
          message: `Cannot pool ${grid.join("x")} tokens to ${pooling} regions`,
        });
        return;
      }
      const pooled = pool(tokens, grid, pooling);
      assert.deepEqual(pooled.shape, [batch, vectorsOf(pooling, grid) * width]);
      // Sums of up to 81 values of size 1.
      near(pooled.dataSync(), pooledThere({ data, batch, grid, width }, pooling), 1e-6);
    });
  }));
});

const GRID = [5, 7] as const, BATCH = 3;
const ENCODER: EncoderConfig = {
  imageSize: [20, 28],
  patchSize: 4,
  width: 16,
  depth: 3,
  heads: 2,
  mlpWidth: 32,
};
const WEIGHTS: TensorRecord = {
  [POSITIONS]: positionTable(ENCODER),
  ...initialise(encoderShapes(ENCODER), "encoder", { seed: 2, initStd: 0.2, patchEmbedStd: 0.2 }),
};
const IMAGES = floatTensor([BATCH, 3, 20, 28], noise(BATCH * 3 * 20 * 28, 1));

async function run(
  tried: Tried,
  program: ReturnType<typeof featureProgram>,
  { weights = WEIGHTS, images = IMAGES }: {
    readonly weights?: TensorRecord;
    readonly images?: FloatTensor;
  } = {},
): Promise<TensorRecord> {
  const executable = await (await tried.create({ threads: 2 })).prepare(program);
  executable.store.write(weights);
  const results = await executable.run({ [PIXELS]: images });
  executable.dispose();
  return results;
}

/** `last_hidden_state` of an encoder that ends after some of the blocks. */
async function tokensAfter(tried: Tried, depth: number): Promise<Tokens> {
  const names = Object.keys(encoderShapes({ ...ENCODER, depth }));
  const weights = Object.fromEntries([POSITIONS, ...names].map((name) => [name, WEIGHTS[name]!]));
  const results = await run(tried, encoderProgram({ ...ENCODER, depth }), { weights });
  const { data } = results["last_hidden_state"] as FloatTensor;
  return { data, batch: BATCH, grid: GRID, width: ENCODER.width };
}

for (const tried of runtimesNamed("cpu", "onnx", "native", "wasm")) {
  testOn(tried, "featureProgram() pools the last layers, the earliest first", async () => {
    const tokens = [await tokensAfter(tried, 2), await tokensAfter(tried, 3)];
    for (const pooling of POOLINGS) {
      const { features } = await run(tried, featureProgram(ENCODER, 2, pooling));
      const length = vectorsOf(pooling, GRID) * ENCODER.width;
      assert.deepEqual(features!.shape, [BATCH, 2 * length]);
      tokens.map((layer) => pooledThere(layer, pooling)).forEach((wanted, layer) => {
        const got = Float32Array.from({ length: BATCH * length }, (_, at) => {
          const image = Math.floor(at / length);
          return features!.data[(2 * image + layer) * length + at % length] as number;
        });
        near(got, wanted, 3e-6);
      });
    }
  });

  testOn(tried, "featureProgram() gives an image the same vector in any batch", async () => {
    const alone = floatTensor([1, 3, 20, 28], IMAGES.data.slice(0, 3 * 20 * 28));
    for (const pooling of ["2x2", "tokens"] as const) {
      const program = featureProgram(ENCODER, 1, pooling);
      const all = (await run(tried, program))["features"]!;
      const one = (await run(tried, program, { images: alone }))["features"]!;
      near(one.data as Float32Array, all.data.slice(0, one.data.length) as Float32Array, 2e-6);
    }
  });
}

Deno.test("cpu: featureProgram() with the mean of one layer is pooler_output, bit for bit", async () => {
  const [cpu] = runtimesNamed("cpu") as [Tried];
  const { pooler_output: wanted } = await run(cpu, encoderProgram(ENCODER));
  const { features } = await run(cpu, featureProgram(ENCODER, 1));
  assert.deepEqual(features, wanted);
});
