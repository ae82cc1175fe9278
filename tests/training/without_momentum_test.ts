/** What becomes of a run whose target encoder is the encoder itself: it collapses, unless a term holds it. */

import assert from "node:assert/strict";
import type { ModelConfig } from "../../lib/model/config.ts";
import { encodeWhole } from "../../lib/training/objective.ts";
import { sampleMasks } from "../../lib/model/masks.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { floatTensor, prefixed, type TensorRecord, under } from "../../lib/tensor.ts";
import { REGULARIZER_WEIGHTS } from "../../lib/config/objective.ts";
import type { Regularizer } from "../../lib/training/regularizer.ts";
import { finishedShapes } from "../../lib/model/parameters.ts";
import { initialState } from "../../lib/training/state.ts";
import { specsOf, type StepConfig } from "../../lib/training/step.ts";
import { Trainer } from "../../lib/training/trainer.ts";
import { floats } from "./forward.ts";

const SIDE = 16, WIDTH = 32, BATCH = 32, STEPS = 150;
const MODEL: ModelConfig = {
  encoder: {
    imageSize: [SIDE, SIDE],
    patchSize: 4,
    width: WIDTH,
    depth: 1,
    heads: 2,
    mlpWidth: 64,
  },
  predictor: { width: 16, outputWidth: WIDTH, depth: 1, heads: 2, mlpWidth: 32 },
};
const CONFIG: StepConfig = {
  model: MODEL,
  objective: { targets: "representations", targetMasking: "output", loss: "smoothL1" },
  batch: BATCH,
  accumulate: 1,
  targetBlocks: 2,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
};
const MASKS = {
  strategy: "multiblock",
  sampler: "full",
  targetBlocks: 2,
  targetScale: [0.2, 0.3],
  targetAspect: [0.75, 1.5],
  contextScale: [0.85, 1],
  minKeep: 2,
  targetPlacement: "uniform",
  contextKeepFraction: 0.375,
} as const;

/** Pictures with something to tell: a colour, and a bright spot of another colour somewhere, [B 3 H W]. */
function drawPictures(step: number): Float32Array<ArrayBuffer> {
  const random = new RandomStream({ seed: 21, purpose: "pictures", step });
  const pictures = new Float32Array(BATCH * 3 * SIDE * SIDE);
  for (let image = 0; image < BATCH; image++) {
    const ground = [0, 1, 2].map(() => random.normal());
    const spot = [0, 1, 2].map(() => 2 * random.normal());
    const [x0, y0] = [random.uniform(0, SIDE), random.uniform(0, SIDE)];
    const size = random.uniform(2, 5);
    for (let i = 0; i < SIDE * SIDE; i++) {
      const squared = (i % SIDE - x0) ** 2 + (Math.floor(i / SIDE) - y0) ** 2;
      const share = Math.exp(-squared / (2 * size * size));
      for (let c = 0; c < 3; c++) {
        pictures[(image * 3 + c) * SIDE * SIDE + i] = ground[c]! * (1 - share) + spot[c]! * share;
      }
    }
  }
  return pictures;
}

/** The encoder's output for pictures that were not trained on, mean over patches, [B D]. */
async function describe(state: TensorRecord): Promise<Float32Array> {
  const names = prefixed("encoder.", finishedShapes(MODEL.encoder));
  const executable = await (await createRuntime("onnx", { threads: 1 })).prepare({
    name: "describe",
    carried: [],
    parameters: Object.keys(names),
    inputs: {
      images: { dtype: "float32", shape: [BATCH, 3, SIDE, SIDE] },
      ...specsOf(names),
    },
    run: (inputs) => ({
      rows: encodeWhole(inputs["images"]!, under("encoder.", inputs), MODEL),
    }),
  });
  const encoder = Object.keys(names).map((name) => [name, state[name]!]);
  executable.store.write(Object.fromEntries(encoder));
  const images = floatTensor([BATCH, 3, SIDE, SIDE], drawPictures(1_000_000));
  const rows = floats((await executable.run({ images }))["rows"]);
  executable.dispose();
  const patches = rows.length / BATCH / WIDTH;
  return Float32Array.from({ length: BATCH * WIDTH }, (_, at) => {
    const [image, d] = [Math.floor(at / WIDTH), at % WIDTH];
    let sum = 0;
    for (let patch = 0; patch < patches; patch++) {
      sum += rows[(image * patches + patch) * WIDTH + d]!;
    }
    return sum / patches;
  });
}

/** How features spread over pictures. */
interface Spread {
  /** Deviation, mean over features. */
  readonly std: number;
  /** In how many directions, (sum of variances)² / (sum of squared covariances): from 1 to D. */
  readonly rank: number;
}

function spreadOf(features: Float32Array): Spread {
  const means = Array.from({ length: WIDTH }, (_, d) => {
    let sum = 0;
    for (let image = 0; image < BATCH; image++) sum += features[image * WIDTH + d]!;
    return sum / BATCH;
  });
  const covariance = (a: number, b: number) => {
    let sum = 0;
    for (let image = 0; image < BATCH; image++) {
      const row = features.subarray(image * WIDTH, (image + 1) * WIDTH);
      sum += (row[a]! - means[a]!) * (row[b]! - means[b]!);
    }
    return sum / (BATCH - 1);
  };
  let trace = 0, squares = 0, deviations = 0;
  for (let a = 0; a < WIDTH; a++) {
    trace += covariance(a, a);
    deviations += Math.sqrt(covariance(a, a)) / WIDTH;
    for (let b = 0; b < WIDTH; b++) squares += covariance(a, b) ** 2;
  }
  return { std: deviations, rank: trace ** 2 / squares };
}

async function trainWithoutMomentum(regularizer?: Regularizer): Promise<Spread> {
  const runtime = await createRuntime("onnx", { threads: 1 });
  using trainer = await Trainer.create(runtime, { ...CONFIG, regularizer });
  trainer.write(initialState(MODEL, { seed: 1, initStd: 0.1, patchEmbedStd: 0.15 }));
  for (let step = 0; step < STEPS; step++) {
    const { loss } = await trainer.step({
      images: drawPictures(step),
      masks: sampleMasks(MASKS, [4, 4], { seed: 1, step, batch: BATCH }),
      hyper: { learningRate: 3e-3, weightDecay: 0.04, emaMomentum: 0 },
      step,
    });
    assert.ok(Number.isFinite(loss));
  }
  return spreadOf(await describe(await trainer.read()));
}

const PLAIN = await trainWithoutMomentum();

Deno.test("without momentum and without a term, features come to lie along two directions", () => {
  assert.ok(PLAIN.rank < 2.5, `${PLAIN.rank}`);
});

for (const term of ["vicreg", "sigreg"] as const) {
  for (const on of ["pooled", "tokens"] as const) {
    Deno.test(`without momentum, ${term} on ${on} keeps features from collapsing`, async () => {
      const weight = REGULARIZER_WEIGHTS[term];
      const { std, rank } = await trainWithoutMomentum({ term, on, weight, seed: 1 });
      assert.ok(rank > 2 * PLAIN.rank, `rank ${rank}, ${PLAIN.rank} without it`);
      assert.ok(std > 0.3, `deviation ${std}`);
    });
  }
}
