import assert from "node:assert/strict";
import { halfDecades, tune } from "../../lib/probe/tuning.ts";
import { assertNear } from "./near.ts";

Deno.test("halfDecades() includes both ends", () => {
  assertNear(halfDecades(-1, 1), [0.1, Math.sqrt(0.1), 1, Math.sqrt(10), 10], { tolerance: 1e-14 });
});

Deno.test("tune() tries the whole grid and keeps the first best score", async () => {
  const scores = [1, 3, 2, 2, 2, 2, 2, 2, 2, 4, 4, 1];
  const tuned = await tune([...scores.keys()], (strength, before) => {
    assert.equal(before?.strength, strength === 0 ? undefined : strength - 1);
    return { validationScore: scores[strength]!, fit: `fit ${strength}` };
  });
  assert.equal(tuned.best.fit, "fit 9");
  assert.deepEqual(tuned.grid.map(({ validationScore }) => validationScore), scores);
  assert.equal(tuned.atGridEdge, false);
});

Deno.test("tune() says when the best strength is an end of the grid", async () => {
  const tuned = await tune(
    [1, 2, 3],
    (strength) => ({ validationScore: strength, fit: undefined }),
  );
  assert.equal(tuned.best.strength, 3);
  assert.equal(tuned.atGridEdge, true);
});
