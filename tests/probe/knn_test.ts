import assert from "node:assert/strict";
import { knnMeans, knnVotes } from "../../lib/probe/knn.ts";
import { balancedAccuracy, largestScores, topAccuracy } from "../../lib/probe/metrics.ts";
import { nearestNeighbours } from "../../lib/probe/neighbours.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { assertNear } from "./near.ts";
import * as sklearn from "./sklearn.ts";

const { features, width, classes } = sklearn;
const runtime = await createRuntime("onnx");
const HALF = classes.length / 2;
const BANK = { features, rows: sklearn.rowsBetween(0, HALF) };
const QUERIES = { features, rows: sklearn.rowsBetween(HALF, classes.length) };

for (const { k, votes, balancedAccuracy: balanced, top2 } of sklearn.knn) {
  Deno.test(`knnVotes() gives scikit-learn's votes for ${k} neighbours`, async () => {
    const neighbours = await nearestNeighbours(BANK, QUERIES, { width, count: 40, runtime });
    const ours = knnVotes(neighbours, classes, { k, classCount: 3 });
    assertNear(ours, votes.flat(), { tolerance: 1e-5 });
    const truth = classes.subarray(HALF);
    assertNear([balancedAccuracy(largestScores(ours, 3), truth)], [balanced], { tolerance: 1e-12 });
    // With one neighbour the scores tie at zero, where scikit-learn is generous and we are not.
    if (k > 1) assertNear([topAccuracy(ours, truth, { count: 2 })], [top2], { tolerance: 1e-12 });
  });
}

Deno.test("knnMeans() weighs targets by exp(similarity / 0.07)", async () => {
  const bank = { features: new Float32Array([1, 0, 0, 1, -1, 0]), rows: sklearn.rowsBetween(0, 3) };
  const query = { features: new Float32Array([0.8, 0.6]), rows: sklearn.rowsBetween(0, 1) };
  const neighbours = await nearestNeighbours(bank, query, { width: 2, count: 3, runtime });
  assert.deepEqual([...neighbours.positions], [0, 1, 2]);
  const near = Math.exp(0.8 / 0.07), far = Math.exp(0.6 / 0.07);
  const mean = knnMeans(neighbours, Float64Array.of(10, 20, 1000), { k: 2 });
  assertNear(mean, [(10 * near + 20 * far) / (near + far)], { tolerance: 1e-5 });
});
