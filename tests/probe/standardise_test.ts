import assert from "node:assert/strict";
import { foldStandardisation, momentsOf, standardise } from "../../lib/probe/standardise.ts";
import { assertNear } from "./near.ts";

const FEATURES = new Float32Array([1, 7, 100, 3, 7, 200, 5, 7, 300, 99, 99, 99]);
const ROWS = Uint32Array.of(0, 1, 2);

Deno.test("momentsOf() uses the given rows and leaves a constant feature its scale", () => {
  const { mean, deviation } = momentsOf(FEATURES, 3, { rows: ROWS });
  assert.deepEqual([...mean], [3, 7, 200]);
  assertNear(deviation, [Math.sqrt(8 / 3), 1, Math.sqrt(20000 / 3)], { tolerance: 1e-12 });
});

Deno.test("momentsOf() takes float32 rounding for no spread", () => {
  const features = new Float32Array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]);
  const rows = Uint32Array.from(features.keys());
  assert.equal(momentsOf(features, 1, { rows }).deviation[0], 1);
});

Deno.test("standardise() copies rows in the order given", () => {
  const moments = momentsOf(FEATURES, 3, { rows: ROWS });
  const high = Math.sqrt(3 / 2);
  assertNear(
    standardise(FEATURES, moments, { rows: Uint32Array.of(2, 0) }),
    [high, 0, high, -high, 0, -high],
    { tolerance: 1e-6 },
  );
});

Deno.test("foldStandardisation() moves mean and deviation into the weights", () => {
  const moments = { mean: Float64Array.of(10, 20), deviation: Float64Array.of(2, 4) };
  const parameters = Float64Array.of(6, 8, 1, 2, 0.5, -0.5);
  const { weights, biases } = foldStandardisation(parameters, moments, { outputs: 2 });
  assert.deepEqual([...weights], [3, 2, 0.5, 0.5]);
  assert.deepEqual([...biases], [0.5 - 30 - 40, -0.5 - 5 - 10]);
});
