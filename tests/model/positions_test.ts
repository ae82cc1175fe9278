import assert from "node:assert/strict";
import { sinCosPositions } from "../../lib/model/positions.ts";

function closeTo(got: Iterable<number>, wanted: readonly number[], tolerance = 1e-7): void {
  const values = [...got];
  assert.equal(values.length, wanted.length);
  values.forEach((value, i) =>
    assert.ok(Math.abs(value - wanted[i]!) < tolerance, `${i}: ${value}`)
  );
}

/** Golden values of method.md section 3, read from the official code. */
Deno.test("sinCosPositions() has the official table: columns first, then rows", () => {
  const table = sinCosPositions([4, 4], 16);
  const x1 = [
    0.841470985,
    0.099833417,
    0.009999833,
    0.001,
    0.540302306,
    0.995004165,
    0.99995,
    0.9999995,
  ];
  const zero = [0, 0, 0, 0, 1, 1, 1, 1];
  closeTo(table.subarray(16, 32), [...x1, ...zero]);
  closeTo(table.subarray(64, 80), [...zero, ...x1]);
  closeTo(table.subarray(7 * 16, 7 * 16 + 8), [
    0.141120008,
    0.295520207,
    0.0299955,
    0.002999996,
    -0.989992497,
    0.955336489,
    0.999550034,
    0.9999955,
  ]);
});

Deno.test("sinCosPositions() has the official sums at 14x14 and 16x16", () => {
  const large = sinCosPositions([14, 14], 768);
  const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0);
  assert.ok(Math.abs(sum(large) - 69594.49385917) < 1e-2);
  assert.ok(Math.abs(sum(large.map((x) => x * x)) - 75264) < 1e-2);
  const token = large.subarray(37 * 768, 38 * 768);
  closeTo(token.subarray(0, 3), [0.412118485, 0.748847256, 0.948390067]);
  closeTo(token.subarray(192, 195), [-0.911130262, -0.662742625, -0.317106104]);
  closeTo(token.subarray(384, 387), [0.909297427, 0.944236772, 0.969836096]);
  closeTo(token.subarray(576, 579), [-0.416146837, -0.329267244, -0.243757968]);
  assert.ok(Math.abs(sum(sinCosPositions([16, 16], 384)) - 44720.33856) < 1e-2);
});

Deno.test("sinCosPositions() puts row r and column c of any rectangle at r * columns + c", () => {
  const wide = sinCosPositions([2, 5], 8), square = sinCosPositions([5, 5], 8);
  closeTo(wide.subarray(8 * 8, 9 * 8), [...square.subarray(8 * 8, 9 * 8)], 1e-12);
});

Deno.test("sinCosPositions() refuses a width that is no multiple of 4", () => {
  assert.throws(() => sinCosPositions([2, 2], 6), {
    name: "RangeError",
    message: "Cannot make a position table: width must be a multiple of 4, got 6",
  });
});
