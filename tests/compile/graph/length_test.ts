import assert from "node:assert/strict";
import fc from "fast-check";
import {
  evaluate,
  fitLength,
  type Length,
  printLength,
  samplePoints,
} from "../../../lib/compile/graph/length.ts";

const NAMES = ["context", "targets"];
const POINTS = samplePoints(NAMES);

Deno.test("fitLength() finds every multilinear polynomial with integer coefficients", () => {
  const coefficient = fc.integer({ min: -500, max: 500 });
  const sample = fc.integer({ min: 1, max: 1000 });
  fc.assert(fc.property(
    fc.tuple(coefficient, coefficient, coefficient, coefficient),
    sample,
    sample,
    ([a, b, c, d], context, targets) => {
      const at = (x: number, y: number) => a + b * x + c * y + d * x * y;
      const values = POINTS.map((point) => at(point["context"]!, point["targets"]!));
      const length = fitLength(values, NAMES, POINTS);
      assert.notEqual(length, undefined);
      assert.equal(evaluate(length!, { context, targets }), at(context, targets));
    },
  ));
});

Deno.test("fitLength() refuses what is no polynomial of the lengths", () => {
  const squares = POINTS.map((point) => point["context"]! ** 2);
  assert.equal(fitLength(squares, NAMES, POINTS), undefined);
  const halves = POINTS.map((point) => Math.floor(point["context"]! / 2));
  assert.equal(fitLength(halves, NAMES, POINTS), undefined);
});

Deno.test("printLength() names what a length depends on", () => {
  const values = POINTS.map((p) => 4 * p["context"]! * p["targets"]! + p["targets"]! + 3);
  const length = fitLength(values, NAMES, POINTS) as Length;
  assert.equal(printLength(length), "3 + targets + 4 context targets");
  assert.equal(printLength(12), "12");
});
