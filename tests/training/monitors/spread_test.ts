import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { meanCosine, meanDeviation } from "../../../lib/training/monitors/spread.ts";

tf.enableProdMode();
await tf.setBackend("cpu");

Deno.test("meanDeviation() and meanCosine() tell spread targets from collapsed ones", () => {
  const same = tf.tile(tf.tensor2d([[1, -1, 2, 0]]), [3, 1]);
  assert.ok(meanDeviation(same).dataSync()[0]! < 1e-6);
  assert.ok(Math.abs(meanCosine(same).dataSync()[0]! - 1) < 1e-5);
  // Two opposite images: deviation 1 in every feature, cosine -1.
  const opposite = tf.tensor2d([[1, -1], [-1, 1]]);
  assert.ok(Math.abs(meanDeviation(opposite).dataSync()[0]! - 1) < 1e-6);
  assert.ok(Math.abs(meanCosine(opposite).dataSync()[0]! + 1) < 1e-5);
});
