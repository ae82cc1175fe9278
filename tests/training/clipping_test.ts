/** Clipping of gradients by their norm, alone and as part of a step. */

import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { printGraph, traceProgram } from "../../lib/compile/mod.ts";
import { trainedShapes } from "../../lib/model/parameters.ts";
import { type StepConfig, updateProgram } from "../../lib/training/step.ts";
import { Trainer } from "../../lib/training/trainer.ts";
import { clippingFactor, globalNorm, squaredNorm } from "../../lib/training/update.ts";
import type { TensorRecord } from "../../lib/tensor.ts";
import { relativeError } from "../compare.ts";
import { runtimesNamed, testOn, type Tried } from "../runtimes.ts";
import { floats } from "./forward.ts";
import { CONFIG, inputOfStep, MODEL, startOf } from "./small_step.ts";

tf.enableProdMode();
await tf.setBackend("cpu");

const TENSOR = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }).chain(
  (shape) => {
    const length = shape.reduce((a, b) => a * b, 1);
    const value = fc.float({ min: -100, max: 100, noNaN: true });
    return fc.array(value, { minLength: length, maxLength: length })
      .map((values) => ({ shape, values: values.map(Math.fround) }));
  },
);

Deno.test("globalNorm() and clippingFactor() are those of double precision", () => {
  const tensors = fc.array(TENSOR, { minLength: 1, maxLength: 6 });
  const limits = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
  fc.assert(fc.property(tensors, limits, (drawn, limit) => {
    const [norm, factor] = tf.tidy(() => {
      const norm = globalNorm(
        drawn.map(({ shape, values }) => squaredNorm(tf.tensor(values, shape))),
      );
      return [norm.dataSync()[0]!, clippingFactor(norm, limit).dataSync()[0]!];
    });
    const wanted = Math.sqrt(
      drawn.flatMap(({ values }) => values).reduce((sum, x) => sum + x * x, 0),
    );
    // Squares of values below 1e-19 are too small for float32, as in PyTorch.
    assert.ok(Math.abs(norm - wanted) <= 2e-6 * wanted + 1e-18, `${norm} instead of ${wanted}`);
    const clipped = Math.min(1, limit / (wanted + 1e-6));
    assert.ok(Math.abs(factor - clipped) <= 3e-6 * clipped, `${factor} instead of ${clipped}`);
  }));
});

const NAMES = Object.keys(trainedShapes(MODEL));

interface Stepped {
  readonly gradientNorm: number | undefined;
  readonly state: TensorRecord;
  /** The gradient as AdamW has seen it: ten times the first moment after one step. */
  readonly gradient: readonly number[];
}

async function stepOnce(
  tried: Tried,
  config: StepConfig,
  { threads }: { readonly threads: number },
): Promise<Stepped> {
  using trainer = await Trainer.create(await tried.create({ threads }), config);
  trainer.write(startOf(config));
  const { gradient_norm: gradientNorm } = await trainer.step(inputOfStep(0));
  const state = await trainer.read();
  const gradient = NAMES.flatMap((name) =>
    Array.from(floats(state[`moment1.${name}`]), (value) => 10 * value)
  );
  return { gradientNorm, state, gradient };
}

function clippedAt(clipNorm: number, accumulate = 1): StepConfig {
  return { ...CONFIG, accumulate, optimizer: { ...CONFIG.optimizer, clipNorm } };
}

for (const tried of runtimesNamed("cpu", "onnx", "native")) {
  testOn(tried, "a step clips the gradient of the whole batch by its norm", async () => {
    const plain = await stepOnce(tried, CONFIG, { threads: 1 });
    assert.equal(plain.gradientNorm, undefined);
    const norm = Math.sqrt(plain.gradient.reduce((sum, x) => sum + x * x, 0));
    const limit = norm / 3;
    for (const [threads, accumulate] of [[1, 1], [tried.name === "cpu" ? 1 : 2, 2]] as const) {
      const clipped = await stepOnce(tried, clippedAt(limit, accumulate), { threads });
      const where = `${threads} lanes, ${accumulate} parts`;
      assert.ok(Math.abs(clipped.gradientNorm! / norm - 1) < 3e-6, `${where}: norm`);
      const factor = limit / (norm + 1e-6);
      const error = relativeError(clipped.gradient, plain.gradient.map((x) => factor * x));
      assert.ok(error < 3e-6, `${where}: gradient off by ${error}`);
    }
    // A limit that is not reached changes no bit.
    const below = await stepOnce(tried, clippedAt(2 * norm), { threads: 1 });
    assert.ok(Math.abs(below.gradientNorm! / norm - 1) < 3e-6);
    assert.deepEqual(below.state, plain.state);
  });
}

Deno.test("without clipping the update is the program that it was", () => {
  const textOf = (config: StepConfig) =>
    printGraph(traceProgram(updateProgram({ ...config, lanes: 2 })));
  assert.equal(textOf(clippedAt(0)), textOf(CONFIG));
  assert.notEqual(textOf(clippedAt(1)), textOf(CONFIG));
});
