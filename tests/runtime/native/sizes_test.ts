/** Kernels of any size: rows that fill no vector, products that fill no tile, on one thread and on several. */

import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import type { Program, Tensors } from "../../../lib/compile/mod.ts";
import { RandomStream } from "../../../lib/random/mod.ts";
import { floatTensor } from "../../../lib/tensor.ts";
import { relativeError } from "../../compare.ts";
import { COMPILED, NATIVE, runtimesNamed, testOn, type Tried } from "../../runtimes.ts";

const TOLERANCE = 1e-5;

function normal(name: string, shape: readonly number[]) {
  const random = new RandomStream({ seed: 3, purpose: name });
  const length = shape.reduce((a, b) => a * b, 1);
  return floatTensor(shape, Float32Array.from({ length }, () => random.normal()));
}

/** Products of all four kinds, of a matrix and of a batch, one with a bias and a scale. */
const PRODUCTS: Program = {
  name: "products",
  carried: [],
  inputs: {
    a: { dtype: "float32", shape: ["b", "m", "k"] },
    c: { dtype: "float32", shape: ["b", "k", "n"] },
    bias: { dtype: "float32", shape: ["n"] },
  },
  run({ a, c, bias }: Tensors) {
    const at = tf.transpose(a!, [0, 2, 1]), ct = tf.transpose(c!, [0, 2, 1]);
    return {
      plain: tf.matMul(a!, c!),
      right: tf.matMul(a!, ct, false, true),
      left: tf.matMul(at, c!, true, false),
      both: tf.matMul(at, ct, true, true),
      scaled: tf.mul(tf.matMul(a!, c!), 0.25),
      biased: tf.add(tf.matMul(a!, c!), bias!),
    };
  },
};

/** What a row goes through in a transformer: a norm, a softmax, GELU, sums of rows and of columns. */
const ROWS: Program = {
  name: "rows",
  carried: [],
  inputs: { x: { dtype: "float32", shape: ["rows", "columns"] } },
  run({ x }: Tensors) {
    const centred = tf.sub(x!, tf.mean(x!, -1, true));
    const norm = tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-6)));
    return {
      norm,
      softmax: tf.softmax(x!),
      gelu: tf.mul(x!, tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x!, Math.SQRT1_2))))),
      rowSums: tf.sum(tf.exp(x!), -1),
      columnSums: tf.sum(tf.mul(x!, norm), 0),
      largest: tf.max(x!, -1),
    };
  },
};

/** Runs a program in plain JavaScript, and compiled on one thread, on two and on three. */
async function comparison(tried: Tried, program: Program) {
  const [cpu] = runtimesNamed("cpu");
  const prepared = await Promise.all(
    [cpu!.create({ threads: 1 }), ...[1, 2, 3].map((threads) => tried.create({ threads }))]
      .map(async (runtime) => (await runtime).prepare(program)),
  );
  return async (feeds: Readonly<Record<string, ReturnType<typeof normal>>>) => {
    const [expected, one, ...more] = await Promise.all(prepared.map((each) => each.run(feeds)));
    for (const [name, { data }] of Object.entries(expected!)) {
      const error = relativeError(one![name]!.data as Float32Array, data as Float32Array);
      assert.ok(error <= TOLERANCE, `${name}: ${error}`);
      // However many threads share the work, each element is computed the same way.
      for (const other of more) assert.deepEqual(other[name]!.data, one![name]!.data, name);
    }
  };
}

const size = (max: number) => fc.integer({ min: 1, max });

for (const tried of [NATIVE, ...COMPILED]) {
  testOn(
    tried,
    "products of all sizes equal those of plain JavaScript, with any number of threads",
    async () => {
      const expectSame = await comparison(tried, PRODUCTS);
      const products = (b: number, m: number, n: number, k: number) =>
        expectSame({
          a: normal("a", [b, m, k]),
          c: normal("c", [b, k, n]),
          bias: normal("bias", [n]),
        });
      const sizes = [size(3), size(70), size(90), fc.oneof(size(40), size(700))] as const;
      await fc.assert(fc.asyncProperty(...sizes, products), { numRuns: 40 });
      // Two rows, which two threads have one each of.
      await products(1, 2, 1, 5);
    },
  );

  testOn(
    tried,
    "rows of all lengths equal those of plain JavaScript, with any number of threads",
    async () => {
      const expectSame = await comparison(tried, ROWS);
      const rows = (count: number, columns: number) =>
        expectSame({ x: normal("x", [count, columns]) });
      await fc.assert(fc.asyncProperty(size(70), size(150), rows), { numRuns: 60 });
    },
  );
}
