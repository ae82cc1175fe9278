import assert from "node:assert/strict";
import fc from "fast-check";
import { fitLogistic, logisticObjective, logisticScores } from "../../lib/probe/logistic.ts";
import { assertNear } from "./near.ts";
import * as sklearn from "./sklearn.ts";

const { width } = sklearn;
const DATA = {
  features: sklearn.standardised,
  classes: sklearn.classes,
  width,
  classCount: 3,
};

function softmax(scores: Float64Array): Float64Array {
  const masses = scores.map(Math.exp), total = masses.reduce((sum, mass) => sum + mass, 0);
  return masses.map((mass) => mass / total);
}

for (const { strength, coefficients, intercepts, probabilities } of sklearn.multinomial) {
  Deno.test(`fitLogistic() finds scikit-learn's solution at C = ${strength}`, async () => {
    const { parameters, converged } = await fitLogistic(DATA, { strength, tolerance: 1e-11 });
    assert.ok(converged);
    assertNear(parameters.subarray(0, 3 * width), coefficients.flat(), { tolerance: 2e-6 });
    assertNear(parameters.subarray(3 * width), intercepts, { tolerance: 2e-6 });
    const scores = logisticScores(DATA.features.subarray(0, 5 * width), parameters, { width });
    for (let row = 0; row < 5; row++) {
      const row3 = scores.subarray(row * 3, row * 3 + 3);
      assertNear(softmax(row3), probabilities[row]!, { tolerance: 1e-6 });
    }
  });
}

for (const { strength, coefficients, intercepts } of sklearn.binary) {
  Deno.test(`fitLogistic() gives two classes the strength of scikit-learn, C = ${strength}`, async () => {
    const data = { ...DATA, classes: DATA.classes.map((c) => Math.min(c, 1)), classCount: 2 };
    const { parameters } = await fitLogistic(data, { strength, tolerance: 1e-11 });
    const weights = Array.from(
      { length: width },
      (_, d) => parameters[width + d]! - parameters[d]!,
    );
    assertNear(weights, coefficients[0]!, { tolerance: 2e-6 });
    assertNear([parameters[2 * width + 1]! - parameters[2 * width]!], intercepts, {
      tolerance: 2e-6,
    });
  });
}

Deno.test("fitLogistic() reaches the same solution from any start", async () => {
  const cold = await fitLogistic(DATA, { strength: 1, tolerance: 1e-9 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 21, maxLength: 21 }),
      async (start) => {
        const { objective } = await fitLogistic(DATA, {
          strength: 1,
          tolerance: 1e-9,
          start: Float64Array.from(start),
        });
        assertNear([objective], [cold.objective], { tolerance: 1e-12 });
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("logisticObjective() has the gradient that differences of its values show", async () => {
  const point = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), {
    minLength: 21,
    maxLength: 21,
  });
  await fc.assert(
    fc.asyncProperty(
      point,
      fc.double({ min: 0.001, max: 10, noNaN: true }),
      async (at, strength) => {
        const objective = logisticObjective(DATA, { strength });
        const parameters = Float64Array.from(at);
        const gradient = new Float64Array(21), ignored = new Float64Array(21);
        await objective(parameters, gradient);
        const step = 1e-5;
        for (let i = 0; i < 21; i++) {
          const shifted = (by: number) =>
            objective(parameters.map((x, j) => i === j ? x + by : x), ignored);
          const slope = (await shifted(step) - await shifted(-step)) / (2 * step);
          assertNear([gradient[i]!], [slope], { tolerance: 1e-7 * (1 + Math.abs(slope)) });
        }
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("fitLogistic() needs few iterations when features are nearly the same", async () => {
  // Columns 1 to 5 are column 0 plus a thousandth of themselves: condition number about 1e7.
  const features = DATA.features.map((value, i) =>
    i % width === 0 ? value : DATA.features[i - i % width]! + 1e-3 * value
  );
  const { converged, iterations } = await fitLogistic({ ...DATA, features }, {
    strength: 1000,
    tolerance: 1e-6,
  });
  assert.ok(converged);
  assert.ok(iterations < 60, `took ${iterations} iterations`);
});

Deno.test("fitLogistic() fits constant features and one row per class", async () => {
  const fit = await fitLogistic(
    {
      features: new Float32Array([0, 1, 0, -1]),
      classes: Int32Array.of(0, 1),
      width: 2,
      classCount: 2,
    },
    { strength: 1 },
  );
  assert.ok(fit.converged);
  assertNear([fit.parameters[0]!, fit.parameters[2]!], [0, 0], { tolerance: 1e-12 });
  assert.ok(fit.parameters[1]! > 0.1);
});
