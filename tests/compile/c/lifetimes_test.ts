import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program, Tensors } from "../../../lib/compile/mod.ts";
import { planCalls } from "../../../lib/compile/c/plan/plan.ts";
import { compileToC } from "../../../lib/compile/c/compile.ts";
import { RandomStream } from "../../../lib/random/mod.ts";
import { createRuntime } from "../../../lib/runtime/mod.ts";
import { floatTensor } from "../../../lib/tensor.ts";
import { relativeError } from "../../compare.ts";

const SIDE = 64;

type Square = tf.Tensor2D;

/** How many squares a program needs to work in. Its results are those of the `cpu` runtime. */
async function squares(run: (x: Square, w: Square) => tf.Tensor): Promise<number> {
  const square = { dtype: "float32", shape: [SIDE, SIDE] } as const;
  const program: Program = {
    name: "squares",
    carried: [],
    inputs: { a: square, w: square },
    run: ({ a, w }: Tensors) => {
      const [left, right] = [a, w] as [Square, Square];
      return { result: run(tf.matMul(left, right), right) };
    },
  };
  const random = new RandomStream({ seed: 3, purpose: "squares" });
  const fresh = () =>
    floatTensor([SIDE, SIDE], Float32Array.from({ length: SIDE ** 2 }, () => random.normal() / 8));
  const feeds = { a: fresh(), w: fresh() };
  const runtimes = [createRuntime("cpu"), createRuntime("auto", { threads: 2 })];
  const [wanted, got] = await Promise.all(runtimes.map(async (runtime) => {
    const prepared = await (await runtime).prepare(program);
    const { result } = await prepared.run(feeds);
    prepared.dispose();
    return result!.data as Float32Array;
  })) as [Float32Array, Float32Array];
  const error = relativeError(got, wanted);
  assert.ok(error < 2e-6, `relative error ${error}`);
  const plan = planCalls(compileToC(program), {}, program);
  return Math.round(plan.arena.bytes / (4 * SIDE ** 2));
}

Deno.test("a result lies where an operand did that is not used any more", async () => {
  assert.equal(await squares((x, w) => tf.matMul(tf.sigmoid(x), w)), 2);
  // Rows that are gone over several times.
  assert.equal(await squares((x, w) => tf.matMul(tf.softmax(x), w)), 2);
  // The sum takes the place of the product, what it is normalised to a new one.
  assert.equal(
    await squares((x, w) => {
      const sum = tf.add(x, w) as Square, centred = tf.sub(sum, tf.mean(sum, 1, true)) as Square;
      return tf.add(tf.matMul(tf.mul(centred, centred) as Square, w), sum);
    }),
    3,
  );
});

Deno.test("a result lies elsewhere where the operand is needed later", async () => {
  assert.equal(await squares((x, w) => tf.add(tf.matMul(tf.sigmoid(x), w), x)), 3);
  // By another operation of the same kernel, once the mean of the row is known.
  assert.equal(
    await squares((x, w) => {
      const sum = tf.add(x, w) as Square, scaled = tf.mul(x, tf.mean(x, 1, true)) as Square;
      return tf.add(tf.matMul(sum, w), tf.matMul(scaled, w));
    }),
    3,
  );
});
