import assert from "node:assert/strict";
import fc from "fast-check";
import { holdOut } from "../../lib/probe/splits.ts";

Deno.test("holdOut() takes a fifth of every class and leaves every class something to fit", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 0, max: 1000 }),
      (list, seed) => {
        const groups = Int32Array.from(list);
        const { fit, heldOut } = holdOut(groups, { seed });
        assert.deepEqual([...fit, ...heldOut].sort((a, b) => a - b), [...groups.keys()]);
        for (const group of new Set(list)) {
          const size = list.filter((other) => other === group).length;
          const taken = [...heldOut].filter((row) => groups[row] === group).length;
          assert.equal(taken, size < 2 ? 0 : Math.max(1, Math.round(size / 5)));
        }
      },
    ),
  );
});

Deno.test("holdOut() is decided by the seed", () => {
  const groups = new Int32Array(50);
  assert.deepEqual(holdOut(groups, { seed: 3 }), holdOut(groups, { seed: 3 }));
  assert.notDeepEqual(holdOut(groups, { seed: 3 }), holdOut(groups, { seed: 4 }));
});
