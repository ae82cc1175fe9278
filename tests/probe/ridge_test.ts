import fc from "fast-check";
import { rSquared } from "../../lib/probe/metrics.ts";
import { addSums, fitRidge, predictRidge, ridgeSums } from "../../lib/probe/ridge.ts";
import { assertNear } from "./near.ts";
import * as sklearn from "./sklearn.ts";

const { standardised, targets, width } = sklearn;

for (const { alpha, coefficients, intercept, rSquared: score } of sklearn.ridge) {
  Deno.test(`fitRidge() finds scikit-learn's solution at alpha = ${alpha}`, () => {
    const fit = fitRidge(ridgeSums(standardised, targets), { alpha });
    assertNear(fit.weights, coefficients, { tolerance: 5e-6 });
    assertNear([fit.bias], [intercept], { tolerance: 1e-6 });
    const predicted = predictRidge(standardised, fit);
    assertNear([rSquared(predicted, targets)], [score], { tolerance: 1e-8 });
  });
}

Deno.test("fitRidge() solves the normal equations, whatever the offset of features and targets", () => {
  const small = fc.float({ min: -3, max: 3, noNaN: true });
  const rows = fc.array(fc.tuple(small, small, small, small), { minLength: 3, maxLength: 12 });
  fc.assert(
    fc.property(
      rows,
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.integer({ min: -50, max: 50 }),
      (table, alpha, offset) => {
        const features = Float32Array.from(table.flatMap((row) => row.slice(0, 3)));
        const y = Float64Array.from(table, (row) => row[3] + offset);
        const fit = fitRidge(ridgeSums(features, y), { alpha });
        const predicted = predictRidge(features, fit);
        // The gradient of |y - Xw - b|^2 + alpha |w|^2 is zero in w and in b.
        const slopes = [0, 0, 0, 0];
        y.forEach((target, row) => {
          const residual = target - predicted[row]!;
          for (let d = 0; d < 3; d++) slopes[d]! += residual * features[row * 3 + d]!;
          slopes[3]! += residual;
        });
        for (let d = 0; d < 3; d++) slopes[d]! -= alpha * fit.weights[d]!;
        assertNear(slopes, [0, 0, 0, 0], { tolerance: 1e-8 });
      },
    ),
  );
});

Deno.test("addSums() of two halves fits as the sums of the whole", () => {
  const cut = 37;
  const whole = fitRidge(ridgeSums(standardised, targets), { alpha: 1 });
  const halves = fitRidge(
    addSums(
      ridgeSums(standardised.subarray(0, cut * width), targets.subarray(0, cut)),
      ridgeSums(standardised.subarray(cut * width), targets.subarray(cut)),
    ),
    { alpha: 1 },
  );
  assertNear(halves.weights, whole.weights, { tolerance: 1e-11 });
  assertNear([halves.bias], [whole.bias], { tolerance: 1e-11 });
});
