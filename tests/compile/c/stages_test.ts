/** One small program at each stage of its way to calls of C. */
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { compileToC, PASSES } from "../../../lib/compile/c/compile.ts";
import { planCalls } from "../../../lib/compile/c/plan/plan.ts";
import { printKernels, printPlan, printUnits } from "../../../lib/compile/c/print.ts";
import { type Graph, printGraph, type Program, traceProgram } from "../../../lib/compile/mod.ts";

/** Attention weights, and how they change a sum of them. */
const PROGRAM: Program = {
  name: "weights",
  carried: [],
  inputs: {
    q: { dtype: "float32", shape: ["rows", 8] },
    k: { dtype: "float32", shape: [4, 8] },
  },
  run: ({ q, k }) => {
    const scores = tf.mul(tf.matMul(q as tf.Tensor2D, k as tf.Tensor2D, false, true), 0.5);
    return { weights: tf.softmax(tf.mul(scores, scores)) };
  },
};

const COMPILED = compileToC(PROGRAM);

/** The graph after a pass and all before it. */
function graphAfter(name: string): Graph {
  const passed = PASSES.slice(0, 1 + PASSES.findIndex((pass) => pass.name === name));
  return passed.reduce((graph, { apply }) => apply(graph), traceProgram(PROGRAM));
}

Deno.test("1: the tracer records the kernels, and lengths have names", () => {
  assert.equal(
    printGraph(traceProgram(PROGRAM)),
    `\
program weights (rows)
  %0: float32[rows, 8] = input q
  %1: float32[4, 8] = input k
  %3: float32[] = constant 0.5
  %2: float32[rows, 4] = BatchMatMul %0 %1 {transposeA=false, transposeB=true}
  %4: float32[rows, 4] = Multiply %2 %3
  %5: float32[rows, 4] = Multiply %4 %4
  %6: float32[rows, 4] = Softmax %5 {axis=1}
  return weights = %6`,
  );
});

Deno.test("2: products take in their scale", () => {
  assert.equal(
    printGraph(graphAfter("fuse products")),
    `\
program weights (rows)
  %0: float32[rows, 8] = input q
  %1: float32[4, 8] = input k
  %4: float32[rows, 4] = BatchMatMul %0 %1 {transposeA=false, transposeB=true, scale=0.5}
  %5: float32[rows, 4] = Multiply %4 %4
  %6: float32[rows, 4] = Softmax %5 {axis=1}
  return weights = %6`,
  );
});

Deno.test("3: softmax is taken apart, and what goes over the same rows becomes one unit", () => {
  assert.equal(
    printUnits(COMPILED),
    `\
unit
  %4: float32[rows, 4] = BatchMatMul %0 %1 {transposeA=false, transposeB=true, scale=0.5}
unit of rows x 4, kernel 0, keeps %6
  %5: float32[rows, 4] = Multiply %4 %4
  %7: float32[rows, 1] = Max %5 {axis=[1], keepDims=true}
  %9: float32[rows, 4] = Sub %5 %7
  %10: float32[rows, 4] = Exp %9
  %8: float32[rows, 1] = Sum %10 {axis=[1], keepDims=true}
  %6: float32[rows, 4] = RealDiv %10 %8`,
  );
});

Deno.test("4: a unit becomes a function that goes over the rows in as many passes as its sums need", () => {
  assert.equal(
    printKernels(COMPILED),
    `\
kernel 0 (a0 = 4, a1 = %4, a2 = %6 (written))
const word a0 = a[0];
const float *a1 = (const float *)a[1];
float *a2 = (float *)a[2];
const word whole = a0 - a0 % LANES;
float t3_row[a0 + LANES];
for (word r = begin; r < end; r++) {
  const float *p0 = a1 + (r) * a0;
  for (word c = 0; c < a0; c += LANES) {
    __builtin_prefetch(p0 + a0 + c, 0);
    __builtin_prefetch(a2 + r * a0 + a0 + c, 1);
  }
  float t1 = -INFINITY; /* Max */
  #pragma omp simd reduction(max: t1)
  for (word c = 0; c < whole; c++) {
    float t0 = p0[0 + c] * p0[0 + c]; /* Multiply */
    t1 = t1 < t0 ? t0 : t1;
  }
  if (whole < a0)
  #pragma omp simd reduction(max: t1)
  for (word c = whole; c < whole + LANES; c++) {
    float t0 = p0[0 + c] * p0[0 + c]; /* Multiply */
    t1 = t1 < (c < a0 ? t0 : -INFINITY) ? (c < a0 ? t0 : -INFINITY) : t1;
  }
  float t4 = 0.0f; /* Sum */
  #pragma omp simd reduction(+: t4)
  for (word c = 0; c < whole; c++) {
    float t0 = p0[0 + c] * p0[0 + c]; /* Multiply */
    float t2 = t0 - t1; /* Sub */
    float t3 = exp_of(t2); /* Exp */
    t3_row[c] = t3;
    t4 += t3;
  }
  if (whole < a0)
  #pragma omp simd reduction(+: t4)
  for (word c = whole; c < whole + LANES; c++) {
    float t0 = p0[0 + c] * p0[0 + c]; /* Multiply */
    float t2 = t0 - t1; /* Sub */
    float t3 = exp_of(t2); /* Exp */
    t3_row[c] = t3;
    t4 += (c < a0 ? t3 : 0.0f);
  }
  #pragma omp simd
  for (word c = 0; c < whole; c++) {
    float t3 = t3_row[c]; /* Exp */
    float t5 = t3 / t4; /* RealDiv */
    (a2 + r * a0)[c] = t5;
  }
  if (whole < a0)
  #pragma omp simd
  for (word c = whole; c < whole + LANES; c++) {
    float t3 = t3_row[c]; /* Exp */
    float t5 = t3 / t4; /* RealDiv */
    if (c < a0) (a2 + r * a0)[c] = t5;
  }
}`,
  );
});

Deno.test("5: for given lengths there is a list of calls in one piece of memory", () => {
  assert.equal(
    printPlan(planCalls(COMPILED, { rows: 3 }, PROGRAM)),
    `\
matrix_products (3, 4, 8, [input q], 8, 1, [input k], 1, 8, [b0], 4, 0, 1056964608, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0) for 3
kernel 0 (4, [b0], [b1]) for 3
arena of 64 bytes: b0 at 0, b1 at 0
return weights = [b1]`,
  );
});
