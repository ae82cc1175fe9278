import assert from "node:assert/strict";
import {
  accuracy,
  balancedAccuracy,
  bootstrapInterval,
  largestScores,
  meanAbsoluteError,
  rSquared,
  topAccuracy,
} from "../../lib/probe/metrics.ts";
import { assertNear } from "./near.ts";

Deno.test("accuracy() and balancedAccuracy() count rows and classes", () => {
  const truth = Int32Array.of(0, 0, 0, 0, 1, 2), predicted = Int32Array.of(0, 0, 0, 1, 1, 0);
  assert.equal(accuracy(predicted, truth), 4 / 6);
  assertNear([balancedAccuracy(predicted, truth)], [(3 / 4 + 1 + 0) / 3], { tolerance: 1e-15 });
});

Deno.test("topAccuracy() counts a tie against the true class and an unseen class as wrong", () => {
  const scores = Float64Array.of(3, 2, 1, 3, 2, 1, 1, 1, 0, 3, 2, 1);
  const truth = Int32Array.of(1, 2, 0, 3);
  assert.equal(topAccuracy(scores, truth, { count: 2 }), 2 / 4);
  assert.equal(topAccuracy(scores, truth, { count: 1 }), 0);
});

Deno.test("largestScores() takes the first of equals", () => {
  assert.deepEqual([...largestScores(Float64Array.of(1, 1, 0, 0, 2, 2), 3)], [0, 1]);
});

Deno.test("rSquared() is 1, 0 and negative where it must be, also far from zero", () => {
  const truth = Float64Array.of(1e9 + 1, 1e9 + 2, 1e9 + 3);
  assert.equal(rSquared(truth, truth), 1);
  assert.equal(rSquared(new Float64Array(3).fill(1e9 + 2), truth), 0);
  assert.equal(rSquared(Float64Array.of(1e9 + 3, 1e9 + 2, 1e9 + 1), truth), -3);
});

Deno.test("meanAbsoluteError() is in the unit of the targets", () => {
  assert.equal(meanAbsoluteError(Float64Array.of(1, 5), Float64Array.of(2, 2)), 2);
});

Deno.test("bootstrapInterval() of a share is that of the binomial distribution, by seed", () => {
  const right = new Float64Array(400).fill(1, 0, 240);
  const statistic = ([sum = 0]: readonly number[]) => sum / 400;
  const interval = bootstrapInterval([right], statistic, { seed: 1 });
  // 95 % of binomial(400, 0.6) / 400 lies within 0.6 +- 1.96 * 0.0245.
  assertNear(interval, [0.552, 0.648], { tolerance: 0.008 });
  assert.deepEqual(bootstrapInterval([right], statistic, { seed: 1 }), interval);
  assert.notDeepEqual(bootstrapInterval([right], statistic, { seed: 2 }), interval);
});
