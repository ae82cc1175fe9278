/**
 * A net so small that its numbers fit on a page: forward pass, losses, gradients and five updates of the official code
 * in double precision (docs/method.md section 9). Weights and images are formulas, so nothing is read from files.
 *
 * The runtimes compute in single precision. Each tolerance is about three times the largest difference that was seen
 * on `cpu` and `onnx`; where it is wider than a few roundings of the value itself, a comment says why.
 */

import assert from "node:assert/strict";
import type { ModelConfig } from "../../lib/model/config.ts";
import { encoderShapes, predictorShapes, type ShapeTable } from "../../lib/model/parameters.ts";
import { initialState } from "../../lib/training/state.ts";
import type { StepConfig } from "../../lib/training/step.ts";
import { type StepInput, Trainer } from "../../lib/training/trainer.ts";
import { floatTensor, prefixed, sizeOf, type TensorRecord } from "../../lib/tensor.ts";
import { floats, runForward } from "./forward.ts";
import { runtimesNamed, testOn, WIDTHS } from "../runtimes.ts";

const MODEL: ModelConfig = {
  encoder: { imageSize: [32, 32], patchSize: 8, width: 16, depth: 2, heads: 2, mlpWidth: 64 },
  predictor: { width: 8, outputWidth: 16, depth: 1, heads: 2, mlpWidth: 32 },
};
const CONFIG: StepConfig = {
  model: MODEL,
  objective: { targets: "representations", targetMasking: "output", loss: "smoothL1" },
  batch: 2,
  accumulate: 1,
  targetBlocks: 2,
  optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
};
const HYPER = { learningRate: 1e-3, weightDecay: 0.04, emaMomentum: 0.9 };
const MASKS = {
  contextTokens: 5,
  targetTokens: 2,
  context: Int32Array.of(0, 1, 4, 5, 8, 2, 3, 6, 7, 11),
  targets: Int32Array.of(10, 11, 8, 9, 13, 14, 12, 13),
};
const TOKENS = 16, WIDTH = MODEL.encoder.width;
const IMAGES = Float32Array.from({ length: 2 * 3 * 32 * 32 }, (_, i) => Math.sin(0.05 * i));

/**
 * Its weights: `0.1 sin(0.37 (i + 1) + 0.11 (p + 1 + offset))`, and 1 more for those of a LayerNorm.
 *
 * @param order names in the official order, which counts the fixed position table
 */
function weightsOf(shapes: ShapeTable, order: readonly string[], offset: number): TensorRecord {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const phase = 0.11 * (order.indexOf(name) + 1 + offset);
      const base = /norm\d?\.weight$/.test(name) ? 1 : 0;
      const value = (_: unknown, i: number) => base + 0.1 * Math.sin(0.37 * (i + 1) + phase);
      return [name, floatTensor(shape, Float32Array.from({ length: sizeOf(shape) }, value))];
    }),
  );
}

function startState(): TensorRecord {
  const ofEncoder = encoderShapes(MODEL.encoder), ofPredictor = predictorShapes(MODEL);
  const [maskToken, ...others] = Object.keys(ofPredictor) as [string, ...string[]];
  const encoder = weightsOf(ofEncoder, ["pos_embed", ...Object.keys(ofEncoder)], 0);
  const predictor = weightsOf(ofPredictor, [maskToken, "predictor_pos_embed", ...others], 100);
  return {
    ...initialState(MODEL, { seed: 0, initStd: 0, patchEmbedStd: 0 }),
    ...prefixed("encoder.", encoder),
    ...prefixed("predictor.", predictor),
    ...prefixed("target_encoder.", encoder),
  };
}

function inputOf(step: number): StepInput {
  return { images: IMAGES, masks: MASKS, hyper: HYPER, step };
}

function assertNear(
  got: ArrayLike<number>,
  wanted: readonly number[],
  { tolerance, what }: { readonly tolerance: number; readonly what: string },
): void {
  wanted.forEach((value, i) => {
    const text = `${what}, value ${i}: wanted ${value}, got ${got[i]}`;
    assert.ok(Math.abs(got[i]! - value) <= tolerance, text);
  });
}

/** Sum over all values of a function of them. */
function total(values: Iterable<number>, of: (value: number) => number): number {
  return Array.from(values).reduce((sum, value) => sum + of(value), 0);
}

/** First values of a row: what, row, values, tolerance. Rows are tokens, of the first image first. */
const ROWS = [
  ["patch_embed", 0, [0.0771348846, 0.6575166651, -0.3087868572, -0.1896956154], 5e-7],
  // Values of size 1 behind two blocks of some twenty roundings each.
  ["target_full", 0, [-0.2787504322, 0.8336516872, -1.0268914972, -1.4596138514], 1e-6],
  [
    "target_full",
    TOKENS + 15,
    [-0.2443797692, 0.9384075389, -0.2106580095, -1.2238813802],
    1e-6,
  ],
  ["targets", 0, [1.187772271, 0.378146447, -0.7106069243, -0.7689603167], 1e-6],
  ["targets", 3 * 2 + 1, [0.2794763623, 0.3615745325, 0.1277318098, -1.1687895249], 1e-6],
  ["context", 0, [-0.3532858815, 0.8354567949, -1.004139732, -1.5095644564], 1e-6],
  ["predictions", 0, [0.0857127385, 0.0962582048, 0.1006894037, 0.08314237], 1e-7],
  ["predictions", 3 * 2 + 1, [0.198232844, 0.0117839015, 0.1543399359, 0.0620799267], 1e-7],
] as const;

/** Losses before the steps 1 to 5, and after them. */
const LOSSES = [
  0.427051876825,
  0.422015448753,
  0.416788687977,
  0.411491238622,
  0.406297851181,
  0.401295008257,
] as const;

/** The first value of a tensor after step 1 and after step 5. */
const WEIGHTS = {
  "encoder.patch_embed.proj.weight": [0.054636873064, 0.054135646340],
  "predictor.mask_token": [-0.087490715274, -0.083482863801],
  "target_encoder.patch_embed.proj.weight": [0.055536179369, 0.054918982187],
} as const;

for (const tried of [...runtimesNamed("cpu", "onnx", "native"), ...WIDTHS]) {
  testOn(tried, "forward pass and losses of the golden net", async () => {
    const results = await runForward(tried, CONFIG, { state: startState(), input: inputOf(0) });
    for (const [what, row, wanted, tolerance] of ROWS) {
      const got = floats(results[what]).subarray(row * WIDTH);
      assertNear(got, wanted, { tolerance, what: `${what}, row ${row}` });
    }
    const full = floats(results["target_full"]);
    // 512 values of size 1, each off by up to 5e-7.
    assertNear([total(full, (x) => x)], [-5.411817375252], { tolerance: 2e-5, what: "sum" });
    assertNear([total(full, (x) => x * x)], [512.120372680623], {
      tolerance: 5e-5,
      what: "sum of squares",
    });
    const targets = floats(results["targets"]);
    const errors = floats(results["predictions"]).map((value, i) => Math.abs(value - targets[i]!));
    assert.deepEqual([targets.length, errors.length], [4 * 2 * WIDTH, 4 * 2 * WIDTH]);
    const losses = [
      total(errors, (x) => x < 1 ? x * x / 2 : x - 0.5),
      total(errors, (x) => x * x),
      total(errors, (x) => x),
    ].map((sum) => sum / errors.length);
    assertNear(losses, [0.427051876825, 0.964038011019, 0.802572123790], {
      tolerance: 1e-7,
      what: "smooth L1, squared and absolute error",
    });
  });

  testOn(tried, "gradients of the golden net", async () => {
    const results = await runForward(tried, CONFIG, { state: startState(), input: inputOf(0) });
    const matrices = Object.entries(results).filter(([name, { shape }]) =>
      name.startsWith("grad.encoder.") && shape.length > 1
    );
    const norms = new Map(
      matrices.map(([name, tensor]) => [name, Math.sqrt(total(floats(tensor), (x) => x * x))]),
    );
    assert.equal(norms.size, 9);
    const qkv = [0, 1].map((i) => norms.get(`grad.encoder.blocks.${i}.attn.qkv.weight`)!);
    const all = [...norms.values()];
    const got = [...qkv, Math.min(...all), Math.max(...all)];
    const wanted = [5.6460323859e-5, 1.8477011176e-4, 1.313456e-5, 1.847701e-4];
    // They are differences of terms a thousand times as large: 3e-6 of the value is 20 roundings.
    const relative = got.map((norm, i) => norm / wanted[i]!);
    assertNear(relative, [1, 1, 1, 1], { tolerance: 3e-6, what: `norms ${got}` });
  });
}

for (const tried of runtimesNamed("cpu", "onnx", "native")) {
  testOn(tried, "five steps of the golden net", async () => {
    const trainer = await Trainer.create(await tried.create(), CONFIG);
    trainer.write(startState());
    for (const [step, wanted] of LOSSES.entries()) {
      const { loss } = await trainer.step(inputOf(step));
      // A float32 there is a multiple of 3e-8.
      assertNear([loss], [wanted], { tolerance: 1e-7, what: `loss before step ${step + 1}` });
      const column = [0, 4].indexOf(step);
      if (column < 0) continue;
      const state = await trainer.read();
      for (const [name, values] of Object.entries(WEIGHTS)) {
        const what = `${name} after step ${step + 1}`;
        // A float32 there is a multiple of 4e-9 or, from 1/16 on, of 7e-9; every step rounds.
        assertNear(floats(state[name]), [values[column]!], { tolerance: 3e-8, what });
      }
    }
    trainer[Symbol.dispose]();
  });

  testOn(tried, "squared error of the golden net", async () => {
    const config = { ...CONFIG, objective: { ...CONFIG.objective, loss: "l2" as const } };
    const trainer = await Trainer.create(await tried.create(), config);
    trainer.write(startState());
    const { loss } = await trainer.step(inputOf(0));
    assertNear([loss], [0.964038011019], { tolerance: 2e-7, what: "loss" });
    trainer[Symbol.dispose]();
  });
}
