import assert from "node:assert/strict";
import fc from "fast-check";
import { choleskyFactor, choleskySolve } from "../../lib/probe/cholesky.ts";
import { assertNear } from "./near.ts";

Deno.test("choleskyFactor() of a known matrix", () => {
  const matrix = Float64Array.of(4, 12, -16, 12, 37, -43, -16, -43, 98);
  assert.deepEqual([...choleskyFactor(matrix, 3)], [2, 0, 0, 6, 1, 0, -8, 5, 3]);
});

Deno.test("choleskySolve() solves positive definite systems", () => {
  const value = fc.double({ min: -1, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.array(value, { minLength: 6, maxLength: 6 }), { minLength: 6, maxLength: 6 }),
      fc.array(value, { minLength: 6, maxLength: 6 }),
      (root, wanted) => {
        const matrix = Float64Array.from({ length: 36 }, (_, at) => {
          const i = Math.floor(at / 6), j = at % 6;
          return root[i]!.reduce((sum, x, k) => sum + x * root[j]![k]!, i === j ? 0.5 : 0);
        });
        const vector = Float64Array.from(
          wanted,
          (_, i) => wanted.reduce((sum, x, j) => sum + matrix[i * 6 + j]! * x, 0),
        );
        choleskySolve(choleskyFactor(matrix, 6), vector);
        assertNear(vector, wanted, { tolerance: 1e-12 });
      },
    ),
  );
});

Deno.test("choleskyFactor() refuses a matrix that is not positive definite", () => {
  assert.throws(
    () => choleskyFactor(Float64Array.of(1, 2, 2, 1), 2),
    new RangeError("Cannot factor a matrix: it is not positive definite (pivot 1 is -3)"),
  );
});
