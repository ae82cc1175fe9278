import assert from "node:assert/strict";
import { halfDecades, tune } from "../../lib/probe/tuning.ts";
import { assertNear } from "./near.ts";

Deno.test("halfDecades() includes both ends", () => {
  assertNear(halfDecades(-1, 1), [0.1, Math.sqrt(0.1), 1, Math.sqrt(10), 10], { tolerance: 1e-14 });
});

Deno.test("tune() keeps the first best score and stops four strengths after the lowest loss", async () => {
  const losses = [5, 3, 2, 4, 4, 4, 4, 1], scores = [1, 2, 2, 2, 3, 2, 2, 9];
  const tuned = await tune([0, 1, 2, 3, 4, 5, 6, 7], (strength, before) => {
    assert.equal(before?.strength, strength === 0 ? undefined : strength - 1);
    return {
      validationScore: scores[strength]!,
      validationLoss: losses[strength]!,
      fit: `fit ${strength}`,
    };
  });
  assert.equal(tuned.best.fit, "fit 4");
  assert.equal(tuned.grid.length, 7);
  assert.equal(tuned.atGridEdge, false);
});

Deno.test("tune() says when the best strength is an end of the grid", async () => {
  const tuned = await tune([1, 2, 3], (strength) => ({
    validationScore: strength,
    validationLoss: -strength,
    fit: undefined,
  }));
  assert.equal(tuned.best.strength, 3);
  assert.equal(tuned.atGridEdge, true);
});
