import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { adamw, adamwScalars } from "../../lib/training/adamw.ts";
import { RandomStream } from "../../lib/random/mod.ts";

tf.enableProdMode();
await tf.setBackend("cpu");

Deno.test("adamw() follows the textbook update over ten steps", () => {
  const config = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const random = new RandomStream({ seed: 2, purpose: "adamw" });
  let state = { weight: tf.scalar(0.7) as tf.Tensor, moment1: tf.scalar(0), moment2: tf.scalar(0) };
  let weight = 0.7, m = 0, v = 0;
  for (let update = 1; update <= 10; update++) {
    const gradient = random.normal() * 0.1, learningRate = 1e-2 * update, weightDecay = 0.3;
    const numbers = adamwScalars(config, { learningRate, weightDecay, update });
    const scalars = {
      stepSize: tf.scalar(numbers.stepSize),
      epsilon: tf.scalar(numbers.epsilon),
      decay: tf.scalar(numbers.decay),
    };
    state = adamw(state, tf.scalar(gradient), {
      ...config,
      scalars,
      decayed: true,
    }) as typeof state;
    weight *= 1 - learningRate * weightDecay;
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient ** 2;
    const mHat = m / (1 - 0.9 ** update), vHat = v / (1 - 0.999 ** update);
    weight -= learningRate * mHat / (Math.sqrt(vHat) + 1e-8);
    const got = state.weight.dataSync()[0]!;
    assert.ok(Math.abs(got - weight) < 2e-6, `update ${update}: ${got}, expected ${weight}`);
  }
});
