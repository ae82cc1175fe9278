import assert from "node:assert/strict";
import { CompiledLoss } from "../../lib/probe/compiled_loss.ts";
import { type ClassifiedRows, fitLogistic, plainLoss } from "../../lib/probe/logistic.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { assertNear } from "./near.ts";
import * as sklearn from "./sklearn.ts";

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

async function withLoss(
  data: ClassifiedRows,
  { threads, name = "onnx" }: { readonly threads?: number; readonly name?: string },
  use: (losses: CompiledLoss) => Promise<void>,
): Promise<void> {
  const runtime = await createRuntime(name, threads === undefined ? {} : { threads });
  using losses = await CompiledLoss.create(runtime, data);
  await use(losses);
}

function pointFor({ width, classCount }: ClassifiedRows): Float64Array {
  const random = new RandomStream({ seed: 3, purpose: "compiled loss" });
  return Float64Array.from({ length: classCount * (width + 1) }, () => random.normal());
}

for (const name of ["onnx", "cpu", "native"]) {
  Deno.test(`CompiledLoss has value and gradient of the plain loss, runtime ${name}`, async () => {
    const data = madeData({ apart: 1 }), point = pointFor(data);
    await withLoss(data, { name }, async (losses) => {
      const wantedGradient = new Float64Array(point.length), gradient = wantedGradient.slice();
      const wanted = await plainLoss(data).evaluate(point, wantedGradient);
      gradient.fill(99); // What was there before must not count.
      const value = await losses.of(data).evaluate(point, gradient);
      const rows = data.classes.length;
      assertNear([value / rows], [wanted / rows], { tolerance: 1e-6 });
      assertNear(gradient.map((g) => g / rows), wantedGradient.map((g) => g / rows), {
        tolerance: 1e-6,
      });
    });
  });
}

Deno.test("CompiledLoss gives the same bits for any number of threads", async () => {
  const data = madeData({ apart: 1 }), point = pointFor(data);
  const values = new Set<string>();
  for (const threads of [1, 2, 3]) {
    await withLoss(data, { threads }, async (losses) => {
      const gradient = new Float64Array(point.length);
      const value = await losses.of(data).evaluate(point, gradient);
      values.add([value, ...gradient].join());
    });
  }
  assert.equal(values.size, 1);
});

for (const { strength, coefficients, intercepts } of sklearn.multinomial) {
  Deno.test(`CompiledLoss leads to scikit-learn's solution at C = ${strength}`, async () => {
    await withLoss(DATA, { threads: 2 }, async (losses) => {
      const { parameters, converged } = await fitLogistic(DATA, {
        strength,
        loss: losses.of(DATA),
        tolerance: 1e-6,
      });
      assert.ok(converged);
      assertNear(parameters.subarray(0, 3 * width), coefficients.flat(), { tolerance: 2e-3 });
      assertNear(parameters.subarray(3 * width), intercepts, { tolerance: 2e-3 });
    });
  });
}

for (const apart of [0.5, 3, 30]) {
  Deno.test(`CompiledLoss ends where the plain loss does, classes ${apart} apart`, async () => {
    const data = madeData({ apart, rows: 5000 });
    await withLoss(data, { threads: 2 }, async (losses) => {
      for (const strength of [1e-5, 1, 1e4]) {
        const plain = await fitLogistic(data, { strength });
        const compiled = await fitLogistic(data, { strength, loss: losses.of(data) });
        console.log(
          apart,
          strength,
          plain.objective,
          compiled.objective,
          plain.iterations,
          compiled.iterations,
        );
        assert.ok(compiled.converged);
        assertNear([compiled.objective], [plain.objective], { tolerance: 1e-6 });
      }
    });
  });
}
