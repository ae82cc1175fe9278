/** Each layer's value against its formula, and its own gradient against finite differences. */

import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { attention } from "../../lib/model/attention.ts";
import { patchify } from "../../lib/model/encoder.ts";
import { gelu, layerNorm, linear, normaliseRows } from "../../lib/model/layers.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { smoothL1 } from "../../lib/training/loss.ts";

tf.enableProdMode();
await tf.setBackend("cpu");

function normal(shape: number[], sample = 0): tf.Tensor {
  const random = new RandomStream({ seed: 11, purpose: "layers", sample });
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tf.tensor(Float32Array.from({ length: size }, () => random.normal()), shape);
}

/** Compares gradients of a random projection of `f` with central differences, for every operand. */
function checkGradients(f: (...xs: tf.Tensor[]) => tf.Tensor, operands: tf.Tensor[]): void {
  const projection = normal(f(...operands).shape, 99);
  const scalar = (...xs: tf.Tensor[]) => tf.sum(tf.mul(f(...xs), projection)) as tf.Scalar;
  const gradients = tf.grads(scalar)(operands);
  operands.forEach((operand, which) => {
    const values = operand.dataSync();
    const gradient = gradients[which]!.dataSync();
    assert.deepEqual(gradients[which]!.shape, operand.shape);
    for (let i = 0; i < values.length; i++) {
      const at = (delta: number) => {
        const moved = values.slice();
        moved[i]! += delta;
        const xs = operands.with(which, tf.tensor(moved, operand.shape));
        return scalar(...xs).dataSync()[0]!;
      };
      const difference = (at(1e-2) - at(-1e-2)) / 2e-2;
      const error = Math.abs(difference - gradient[i]!) / Math.max(1, Math.abs(difference));
      assert.ok(error < 5e-3, `operand ${which}[${i}]: ${gradient[i]}, differences ${difference}`);
    }
  });
}

Deno.test("linear() is x Wᵀ + b with exact gradients", () => {
  const x = tf.tensor2d([[1, 2]]), w = tf.tensor2d([[1, 0], [0, 1], [1, 1]]);
  assert.deepEqual([...linear(x, w, tf.tensor1d([10, 20, 30])).dataSync()], [11, 22, 33]);
  checkGradients(linear, [normal([5, 3], 1), normal([4, 3], 2), normal([4], 3)]);
});

Deno.test("layerNorm() uses the biased variance and has exact gradients", () => {
  const y = layerNorm(tf.tensor2d([[1, 2, 3, 4]]), {
    weight: tf.ones([4]),
    bias: tf.zeros([4]),
  }).dataSync();
  // (x - 2.5) / sqrt(1.25 + 1e-6)
  [-1.3416402, -0.4472134, 0.4472134, 1.3416402].forEach((wanted, i) =>
    assert.ok(Math.abs(y[i]! - wanted) < 1e-6)
  );
  const flat = layerNorm(
    tf.tensor2d([[1, 2, 3, 4]]),
    { weight: tf.ones([4]), bias: tf.zeros([4]) },
    2.75,
  ).dataSync();
  assert.deepEqual([...flat], [-0.75, -0.25, 0.25, 0.75]); // (x - 2.5) / sqrt(1.25 + 2.75)
  checkGradients((x, weight, bias) => layerNorm(x!, { weight: weight!, bias: bias! }), [
    normal([3, 5], 1),
    normal([5], 2),
    normal([5], 3),
  ]);
});

Deno.test("normaliseRows() gives mean 0 and variance 1", () => {
  const rows = normaliseRows(tf.mul(normal([4, 64]), 3), 1e-5);
  for (const mean of tf.mean(rows, 1).dataSync()) assert.ok(Math.abs(mean) < 1e-6);
  for (const square of tf.mean(tf.square(rows), 1).dataSync()) {
    assert.ok(Math.abs(square - 1) < 1e-5);
  }
});

Deno.test("gelu() has the golden values of the exact form, and exact gradients", () => {
  const y = gelu(tf.tensor1d([-1, 0.5, 0])).dataSync();
  assert.ok(Math.abs(y[0]! + 0.158655253932) < 1e-6);
  assert.ok(Math.abs(y[1]! - 0.345731230637) < 1e-6);
  assert.equal(y[2], 0);
  checkGradients(gelu, [normal([20])]);
});

Deno.test("attention() of equal tokens is their value; its gradient is exact", () => {
  const shape = { batch: 2, tokens: 3, heads: 2 };
  const row = normal([1, 12]);
  const out = attention([tf.tile(row, [6, 1])], shape).dataSync();
  const value = row.dataSync().slice(8, 12);
  out.forEach((x, i) => assert.ok(Math.abs(x - value[i % 4]!) < 1e-6));
  checkGradients((qkv) => attention([qkv!], shape), [normal([6, 12])]);
});

Deno.test("attention() keeps the sequences of a batch apart", () => {
  const shape = { batch: 2, tokens: 3, heads: 1 };
  const first = normal([3, 12], 1), second = normal([3, 12], 2);
  const together = attention([tf.concat([first, second], 0)], shape);
  const alone = attention([second], { ...shape, batch: 1 });
  const difference = tf.max(tf.abs(tf.sub(tf.slice(together, [3, 0], [3, 4]), alone)));
  assert.ok(difference.dataSync()[0]! < 1e-6);
});

Deno.test("attention() with fewer queries is that of all tokens, at their places; its gradient is exact", () => {
  const shape = { batch: 1, tokens: 5, heads: 2 }, qkv = normal([5, 12]);
  const fewer = { ...shape, queries: 2 };
  const all = tf.slice(attention([qkv], shape), [3, 0], [2, 4]);
  const some = attention([tf.slice(qkv, [3, 0], [2, 4]), tf.slice(qkv, [0, 4], [5, 8])], fewer);
  assert.ok(tf.max(tf.abs(tf.sub(all, some))).dataSync()[0]! < 1e-6);
  checkGradients((...projected) => attention(projected, fewer), [normal([2, 4]), normal([5, 8])]);
});

Deno.test("smoothL1() has the golden level 0.42466 for zero against normal targets", () => {
  const targets = normal([400, 500]);
  const loss = smoothL1(tf.zerosLike(targets), targets).dataSync()[0]!;
  assert.ok(Math.abs(loss - 0.42466) < 2e-3, `${loss}`);
});

Deno.test("smoothL1() is quadratic within 1, linear beyond, with a gradient of at most 1", () => {
  const prediction = tf.tensor2d([[0.5, -3]]), target = tf.tensor2d([[0, 0]]);
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => smoothL1(x, target))(prediction);
  assert.ok(Math.abs(value.dataSync()[0]! - (0.125 + 2.5) / 2) < 1e-7);
  assert.deepEqual([...grad.dataSync()], [0.25, -0.5]);
});

Deno.test("patchify() cuts in raster order, channel by channel", () => {
  const config = {
    imageSize: [4, 6],
    patchSize: 2,
    width: 4,
    depth: 0,
    heads: 1,
    mlpWidth: 4,
  } as const;
  // Each value names its channel, row and column.
  const values = Array.from({ length: 3 * 4 * 6 }, (_, i) => {
    const channel = Math.floor(i / 24), row = Math.floor(i / 6) % 4, column = i % 6;
    return 100 * channel + 10 * row + column;
  });
  const patches = patchify(tf.tensor(values, [1, 3, 4, 6]), config);
  assert.deepEqual(patches.shape, [6, 12]);
  const rows = patches.arraySync() as number[][];
  assert.deepEqual(rows[0], [0, 1, 10, 11, 100, 101, 110, 111, 200, 201, 210, 211]);
  assert.deepEqual(rows[2]!.slice(0, 4), [4, 5, 14, 15]);
  assert.deepEqual(rows[4]!.slice(0, 4), [22, 23, 32, 33]);
});
