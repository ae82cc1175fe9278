import assert from "node:assert/strict";
import { CompiledRegression } from "../../lib/probe/compiled_regression.ts";
import {
  type ClassifiedRows,
  fitLogistic,
  logisticScores,
  plainLoss,
} from "../../lib/probe/logistic.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { assertNear } from "./near.ts";
import * as sklearn from "./sklearn.ts";
import { runtimesNamed, testOn, type Tried } from "../runtimes.ts";

const [ONNX] = runtimesNamed("onnx") as [Tried];

const { width } = sklearn;
const DATA: ClassifiedRows = {
  features: sklearn.standardised,
  classes: sklearn.classes,
  width,
  classCount: 3,
};

/** Gaussian classes whose means are `apart` deviations from the origin; more rows than one block has. */
function madeData({ apart, rows = 9000 }: { readonly apart: number; readonly rows?: number }) {
  const width = 8, classCount = 5;
  const random = new RandomStream({ seed: 2, purpose: "compiled loss" });
  const classes = Int32Array.from({ length: rows }, () => random.integer(classCount));
  const features = new Float32Array(rows * width);
  for (let i = 0; i < features.length; i++) {
    const mean = i % width === classes[Math.floor(i / width)]! ? apart : 0;
    features[i] = mean + random.normal();
  }
  return { features, classes, width, classCount };
}

async function withRegression(
  data: ClassifiedRows,
  { threads, tried = ONNX }: { readonly threads?: number; readonly tried?: Tried },
  use: (regression: CompiledRegression) => Promise<void>,
): Promise<void> {
  const runtime = await tried.create(threads === undefined ? {} : { threads });
  using regression = await CompiledRegression.create(runtime, data);
  await use(regression);
}

function pointFor({ width, classCount }: ClassifiedRows): Float64Array {
  const random = new RandomStream({ seed: 3, purpose: "compiled loss" });
  return Float64Array.from({ length: classCount * (width + 1) }, () => random.normal());
}

for (const tried of runtimesNamed("onnx", "cpu", "native")) {
  testOn(tried, "CompiledRegression has value and gradient of the plain loss", async () => {
    const data = madeData({ apart: 1 }), point = pointFor(data);
    await withRegression(data, { tried }, async (regression) => {
      const wantedGradient = new Float64Array(point.length), gradient = wantedGradient.slice();
      const wanted = await plainLoss(data).evaluate(point, wantedGradient);
      gradient.fill(99); // What was there before must not count.
      const value = await regression.lossOf(data).evaluate(point, gradient);
      const rows = data.classes.length;
      assertNear([value / rows], [wanted / rows], { tolerance: 1e-6 });
      assertNear(gradient.map((g) => g / rows), wantedGradient.map((g) => g / rows), {
        tolerance: 1e-6,
      });
    });
  });
}

for (const tried of runtimesNamed("onnx", "cpu", "native")) {
  testOn(tried, "CompiledRegression has the scores of the plain one", async () => {
    const data = madeData({ apart: 1, rows: 5000 }), point = pointFor(data);
    await withRegression(data, { tried, threads: 2 }, async (regression) => {
      const scores = await regression.scores(data.features, point, data);
      assertNear(scores, logisticScores(data.features, point, data), { tolerance: 1e-5 });
    });
  });
}

Deno.test("CompiledRegression gives the same bits for any number of threads", async () => {
  const data = madeData({ apart: 1 }), point = pointFor(data);
  const values = new Set<string>();
  for (const threads of [1, 2, 3]) {
    await withRegression(data, { threads }, async (regression) => {
      const gradient = new Float64Array(point.length);
      const value = await regression.lossOf(data).evaluate(point, gradient);
      values.add([value, ...gradient].join());
    });
  }
  assert.equal(values.size, 1);
});

for (const { strength, coefficients, intercepts } of sklearn.multinomial) {
  Deno.test(`CompiledRegression leads to scikit-learn's solution at C = ${strength}`, async () => {
    await withRegression(DATA, { threads: 2 }, async (regression) => {
      const { parameters, converged } = await fitLogistic(DATA, {
        strength,
        loss: regression.lossOf(DATA),
        tolerance: 1e-6,
      });
      assert.ok(converged);
      assertNear(parameters.subarray(0, 3 * width), coefficients.flat(), { tolerance: 2e-3 });
      assertNear(parameters.subarray(3 * width), intercepts, { tolerance: 2e-3 });
    });
  });
}

for (const apart of [0.5, 3, 30]) {
  Deno.test(`CompiledRegression ends where the plain loss does, classes ${apart} apart`, async () => {
    const data = madeData({ apart, rows: 5000 });
    await withRegression(data, { threads: 2 }, async (regression) => {
      for (const strength of [1e-5, 1, 1e4]) {
        const plain = await fitLogistic(data, { strength });
        const compiled = await fitLogistic(data, { strength, loss: regression.lossOf(data) });
        assert.ok(compiled.converged);
        assertNear([compiled.objective], [plain.objective], { tolerance: 1e-6 });
      }
    });
  });
}
