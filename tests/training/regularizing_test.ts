/** A term over a whole batch: its gradient reaches the encoder, and depends neither on lanes nor on parts. */

import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program } from "../../lib/compile/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { floatTensor, under } from "../../lib/tensor.ts";
import { lossBetween, predictTargets, targetsOf } from "../../lib/training/objective.ts";
import { directionsOf, type Regularizer } from "../../lib/training/regularizer.ts";
import { slopeOfImages } from "../../lib/training/regularizing.ts";
import { trainedShapes } from "../../lib/model/parameters.ts";
import { batchFeeds, gradientProgram, type StepConfig } from "../../lib/training/step.ts";
import { type StepResult, Trainer } from "../../lib/training/trainer.ts";
import { relativeError } from "../compare.ts";
import { runtimesNamed, testOn, type Tried } from "../runtimes.ts";
import { floats } from "./forward.ts";
import { CONFIG, inputOfStep, MODEL, startOf } from "./small_step.ts";

const BATCH = 8, STEP = 2;
const NAMES = Object.keys(trainedShapes(MODEL));
/** Large enough that the term has a good share of the gradient. */
const WEIGHTS = { vicreg: 0.5, sigreg: 0.1 } as const;

function configOf(regularizer: Regularizer | undefined, accumulate = 1): StepConfig {
  return { ...CONFIG, batch: BATCH, accumulate, regularizer };
}

interface Gradient {
  readonly result: Pick<StepResult, "loss" | "regularizer">;
  /** Of all trained tensors, one after the other. */
  readonly values: readonly number[];
}

/** What one step leaves: the first moment is then a tenth of the gradient. */
async function gradientOf(
  tried: Tried,
  config: StepConfig,
  { threads }: { readonly threads: number },
): Promise<Gradient> {
  using trainer = await Trainer.create(await tried.create({ threads }), config);
  trainer.write(startOf(config));
  const { loss, regularizer } = await trainer.step(inputOfStep(STEP, BATCH));
  const state = await trainer.read();
  const values = NAMES.flatMap((name) =>
    Array.from(floats(state[`moment1.${name}`]), (value) => 10 * value)
  );
  return { result: { loss, ...regularizer === undefined ? {} : { regularizer } }, values };
}

/** The terms as their papers write them, for TensorFlow.js to differentiate. */
const DEFINITIONS = {
  vicreg(samples: tf.Tensor): tf.Tensor {
    const [count, width] = samples.shape as [number, number];
    const centred = tf.sub(samples, tf.mean(samples, 0));
    const covariance = tf.div(tf.matMul(centred, centred, true), count - 1);
    const variance = tf.sum(tf.mul(covariance, tf.eye(width)), 0);
    const hinge = tf.mean(tf.relu(tf.sub(1, tf.sqrt(tf.add(variance, 1e-4)))));
    const others = tf.mul(covariance, tf.sub(1, tf.eye(width)));
    return tf.add(hinge, tf.div(tf.sum(tf.square(others)), 25 * width));
  },
  sigreg(samples: tf.Tensor, directions: tf.Tensor): tf.Tensor {
    const projected = tf.matMul(samples, directions, false, true);
    const terms = Array.from({ length: 17 }, (_, k) => {
      const t = 3 * k / 16, normal = Math.exp(-t * t / 2);
      const real = tf.sub(tf.mean(tf.cos(tf.mul(projected, t)), 0), normal);
      const imaginary = tf.mean(tf.sin(tf.mul(projected, t)), 0);
      const share = k === 0 || k === 16 ? 3 / 16 : 3 / 8;
      return tf.mul(tf.add(tf.square(real), tf.square(imaginary)), share * normal);
    });
    return tf.mul(tf.mean(tf.addN(terms)), samples.shape[0]!);
  },
} as const;

/** Loss plus weighted term of the whole batch in one function, differentiated as a whole. */
function wholeProgram(regularizer: Regularizer): Program {
  const config = configOf(regularizer), { width } = MODEL.encoder;
  const { inputs, parameters, carried } = gradientProgram({ ...configOf(undefined), lanes: 1 });
  const networks = Object.entries(inputs).filter(([name]) => !carried.includes(name));
  return {
    name: "whole",
    carried: [],
    parameters: parameters!,
    inputs: {
      ...Object.fromEntries(networks),
      directions: { dtype: "float32", shape: ["directions", width] },
    },
    run(inputs) {
      const batch = {
        images: inputs["images"]!,
        contextTokens: inputs["context_tokens"]!,
        targetTokens: inputs["target_tokens"]!,
      };
      const { rows } = targetsOf(batch, under("target_encoder.", inputs), config);
      const total = (...trained: tf.Tensor[]): tf.Scalar => {
        const tensors = { ...inputs, ...Object.fromEntries(NAMES.map((n, i) => [n, trained[i]!])) };
        const { context, predictions } = predictTargets(batch, {
          encoder: under("encoder.", tensors),
          predictor: under("predictor.", tensors),
        }, MODEL);
        const samples = regularizer.on === "tokens"
          ? context
          : tf.mean(tf.reshape(context, [BATCH, -1, width]), 1);
        const term = DEFINITIONS[regularizer.term](samples, inputs["directions"]!);
        const loss = lossBetween(predictions, rows, config.objective);
        return tf.add(loss, tf.mul(term, regularizer.weight));
      };
      const { value, grads } = tf.valueAndGrads(total)(NAMES.map((name) => inputs[name]!));
      return { value, ...Object.fromEntries(NAMES.map((name, i) => [`grad.${name}`, grads[i]!])) };
    },
  };
}

interface Whole {
  readonly total: number;
  readonly values: readonly number[];
}

async function differentiateWhole(regularizer: Regularizer): Promise<Whole> {
  const executable = await (await createRuntime("cpu")).prepare(wholeProgram(regularizer));
  const networks = Object.entries(startOf(CONFIG)).filter(([name]) => !name.startsWith("moment"));
  executable.store.write(Object.fromEntries(networks));
  const { images, masks } = inputOfStep(STEP, BATCH);
  const results = await executable.run({
    ...batchFeeds(images, masks, configOf(regularizer)),
    directions: directionsOf({ seed: regularizer.seed, step: STEP, width: MODEL.encoder.width }),
  });
  executable.dispose();
  const values = NAMES.flatMap((name) => [...floats(results[`grad.${name}`])]);
  return { total: floats(results["value"])[0]!, values };
}

const [CPU, ONNX, NATIVE] = runtimesNamed("cpu", "onnx", "native") as [Tried, Tried, Tried];
/** How a batch is shared out, in lanes and parts; a runtime of one thread has one lane. */
const SHARED: readonly { readonly tried: Tried; readonly shared: readonly [number, number][] }[] = [
  { tried: CPU, shared: [[1, 4]] },
  { tried: ONNX, shared: [[2, 1], [1, 4], [2, 2]] },
  { tried: NATIVE, shared: [[2, 1], [2, 4]] },
];
const PLAIN = await gradientOf(CPU, configOf(undefined), { threads: 1 });

for (const term of ["vicreg", "sigreg"] as const) {
  for (const on of ["pooled", "tokens"] as const) {
    const regularizer = { term, on, weight: WEIGHTS[term], seed: 9 };
    const whole = await differentiateWhole(regularizer);

    Deno.test(`the gradient of a step is that of its loss and ${term} on ${on} together`, async () => {
      const { result, values } = await gradientOf(CPU, configOf(regularizer), { threads: 1 });
      const error = relativeError(values, whole.values);
      assert.ok(error < 3e-6, `off by ${error}`);
      const total = result.loss + regularizer.weight * result.regularizer!;
      assert.ok(Math.abs(total / whole.total - 1) < 1e-6, `${total} instead of ${whole.total}`);
      // The loss that is reported stays that of the predictions.
      assert.ok(Math.abs(result.loss / PLAIN.result.loss - 1) < 1e-6);
      assert.ok(relativeError(PLAIN.values, whole.values) > 0.05, "the term hardly counts");
    });

    for (const { tried, shared } of SHARED) {
      testOn(tried, `${term} on ${on} depends neither on lanes nor on parts`, async () => {
        const first = await gradientOf(tried, configOf(regularizer), { threads: 1 });
        assert.ok(relativeError(first.values, whole.values) < 3e-6);
        for (const [lanes, accumulate] of shared) {
          const other = await gradientOf(tried, configOf(regularizer, accumulate), {
            threads: lanes,
          });
          const where = `${lanes} lanes, ${accumulate} parts`;
          const error = relativeError(other.values, first.values);
          assert.ok(error < 1e-6, `${where}: gradient off by ${error}`);
          const off = other.result.regularizer! / first.result.regularizer! - 1;
          assert.ok(Math.abs(off) < 1e-6, `${where}: term off by ${off}`);
        }
      });
    }
  }
}

Deno.test("a step without a term reports none, and has the gradient it had", async () => {
  assert.equal(PLAIN.result.regularizer, undefined);
  const weightless: Regularizer = { term: "vicreg", on: "pooled", weight: 0, seed: 9 };
  const { result, values } = await gradientOf(CPU, configOf(weightless), { threads: 1 });
  assert.ok(result.regularizer! > 0);
  assert.deepEqual(values, PLAIN.values);
});

Deno.test("slopeOfImages() takes the rows of some images", () => {
  const slope = floatTensor([4, 2, 3], Float32Array.from({ length: 24 }, (_, i) => i));
  const part = slopeOfImages(slope, { first: 1, count: 2 });
  assert.deepEqual(part.shape, [2, 2, 3]);
  assert.deepEqual([...part.data], Array.from({ length: 12 }, (_, i) => 6 + i));
});
