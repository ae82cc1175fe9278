/** Every kernel that can be compiled, compiled and compared with plain JavaScript. */

import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program, Tensors } from "../../../lib/compile/mod.ts";
import { KERNELS } from "../../../lib/compile/trace/kernels.ts";
import { record } from "../../../lib/compile/trace/tracer.ts";
import { RandomStream } from "../../../lib/random/mod.ts";
import { createRuntime } from "../../../lib/runtime/mod.ts";
import { floatTensor, type TensorRecord } from "../../../lib/tensor.ts";
import { relativeError } from "../../compare.ts";
import { COMPILED, runtimesNamed, testOn, type Tried } from "../../runtimes.ts";

type Case = (t: { x: tf.Tensor; y: tf.Tensor; p: tf.Tensor; i: tf.Tensor }) => tf.Tensor;

/** x and y are [n 6 4], p is positive [n 6 4], i holds five indices below 6. */
const CASES: Readonly<Record<string, Case>> = {
  Add: ({ x, y }) => tf.add(x, y),
  Sub: ({ x, y }) => tf.sub(x, tf.slice(y, [0, 0, 0], [1, -1, -1])),
  Multiply: ({ x }) => tf.mul(x, 3),
  RealDiv: ({ x, p }) => tf.div(x, p),
  Maximum: ({ x, y }) => tf.maximum(x, y),
  Minimum: ({ x, y }) => tf.minimum(x, y),
  SquaredDifference: ({ x, y }) => tf.squaredDifference(x, y),
  Pow: ({ p, y }) => tf.pow(p, y),
  Greater: ({ x, y }) => tf.cast(tf.greater(x, y), "float32"),
  Less: ({ x, y }) => tf.cast(tf.less(x, y), "float32"),
  Equal: ({ x, y }) => tf.cast(tf.equal(x, y), "float32"),
  Abs: ({ x }) => tf.abs(x),
  Neg: ({ x }) => tf.neg(x),
  Sign: ({ x }) => tf.sign(x),
  Square: ({ x }) => tf.square(x),
  Sqrt: ({ p }) => tf.sqrt(p),
  Rsqrt: ({ p }) => tf.rsqrt(p),
  Reciprocal: ({ p }) => tf.reciprocal(p),
  Exp: ({ x }) => tf.exp(x),
  Log: ({ p }) => tf.log(p),
  Sin: ({ x }) => tf.sin(x),
  Cos: ({ x }) => tf.cos(x),
  Erf: ({ x }) => tf.erf(x),
  Tanh: ({ x }) => tf.tanh(x),
  Sigmoid: ({ x }) => tf.sigmoid(x),
  Relu: ({ x }) => tf.relu(x),
  ZerosLike: ({ x }) => tf.zerosLike(x),
  OnesLike: ({ x }) => tf.onesLike(x),
  Step: ({ x }) => tf.step(x, -1),
  Cast: ({ x }) => tf.cast(tf.cast(tf.mul(x, 10), "int32"), "float32"),
  Select: ({ x, y }) => tf.where(tf.greater(x, y), x, y),
  Sum: ({ x }) => tf.sum(tf.reshape(x, [-1, 4]), 0),
  Mean: ({ x }) => tf.mean(x, [0, 2], true),
  Max: ({ x }) => tf.max(x, -1),
  Softmax: ({ x }) => tf.softmax(x),
  BatchMatMul: ({ x, y }) => tf.matMul(tf.matMul(x, y, false, true), x, true),
  Reshape: ({ x }) => tf.reshape(x, [2, -1, 3, 4]),
  ExpandDims: ({ x }) => tf.expandDims(x, 1),
  Transpose: ({ x }) => tf.transpose(x, [2, 0, 1]),
  GatherV2: ({ x, i }) => tf.gather(x, i, 1),
  Concat: ({ x, y }) => tf.concat([x, y, x], 1),
  SplitV: ({ x }) => {
    const [a, b] = tf.split(x, [2, 4], 1);
    return tf.concat([b!, a!], 1);
  },
  Slice: ({ x }) => tf.slice(x, [1, 2, 0], [x.shape[0]! - 1, 3, 4]),
  PadV2: ({ x }) => tf.pad(x, [[0, 0], [2, 1], [x.shape[0]!, 0]], 7),
  Tile: ({ x, y }) => tf.concat([tf.tile(x, [3, 1, 2]), tf.tile(y, [3, 2, 2])], 1),
  Fill: ({ x }) => tf.add(x, tf.fill([x.shape[0]!, 1, 1], 5)),
};

function programOf(make: Case) {
  const float = { dtype: "float32", shape: ["n", 6, 4] } as const;
  return {
    name: "case",
    carried: [],
    inputs: { x: float, y: float, p: float, i: { dtype: "int32", shape: [5] } as const },
    run: ({ x, y, p, i }: Tensors) => ({ result: make({ x: x!, y: y!, p: p!, i: i! }) }),
  };
}

function feeds(n: number): TensorRecord {
  const random = new RandomStream({ seed: 5, purpose: "kernels", step: n });
  const normal = (positive: boolean) =>
    floatTensor(
      [n, 6, 4],
      Float32Array.from({ length: n * 24 }, () => {
        const value = random.normal();
        return positive ? Math.abs(value) + 0.1 : value;
      }),
    );
  return {
    x: normal(false),
    y: normal(false),
    p: normal(true),
    i: { dtype: "int32", shape: [5], data: Int32Array.of(5, 0, 3, 3, 1) },
  };
}

Deno.test("every kernel has a case, and the case uses it", () => {
  assert.deepEqual(Object.keys(CASES).sort(), Object.keys(KERNELS).sort());
  for (const [op, make] of Object.entries(CASES)) {
    const ops = record(programOf(make), { n: 2 }).nodes.map((node): string => node.op);
    assert.ok(ops.includes(op), `the case of ${op} records ${ops}`);
  }
});

/** Runs a program in plain JavaScript and compiled, at two lengths of one session. */
async function expectSame(tried: Tried, program: Program): Promise<void> {
  const reference = await (await createRuntime("cpu")).prepare(program);
  const compiled = await (await tried.create({ threads: 1 })).prepare(program);
  for (const n of [2, 5]) {
    const wanted = await reference.run(feeds(n)), got = await compiled.run(feeds(n));
    for (const [name, { shape, data }] of Object.entries(wanted)) {
      assert.deepEqual(got[name]!.shape, shape, name);
      const error = relativeError(got[name]!.data as Float32Array, data as Float32Array);
      assert.ok(error < 1e-6, `${name}: relative error ${error}`);
    }
  }
  compiled.dispose();
}

for (const [op, make] of Object.entries(CASES)) {
  for (const tried of runtimesNamed("onnx", "native")) {
    testOn(tried, `${op} compiles to what it computes`, () => expectSame(tried, programOf(make)));
  }
}

for (const tried of COMPILED) {
  testOn(tried, "all kernels compile to what they compute", () => {
    const program = programOf(({ x }) => x);
    const all = (inputs: Tensors) =>
      Object.fromEntries(
        Object.entries(CASES).map(([op, make]) => [op, programOf(make).run(inputs).result]),
      );
    return expectSame(tried, { ...program, run: all });
  });
}
