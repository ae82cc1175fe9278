import assert from "node:assert/strict";
import { roundHalfEven } from "../lib/round_half_even.ts";

Deno.test("roundHalfEven() rounds as Python's round()", () => {
  const values = [0, 0.49999999999999994, 0.5, 0.75, 1.5, 2.5, 3.5, 4.4, -0.5, -1.5, -2.5, -2.7];
  const wanted = [0, 0, 0, 1, 2, 2, 4, 4, 0, -2, -2, -3];
  assert.deepEqual(values.map((value) => roundHalfEven(value) + 0), wanted);
});
