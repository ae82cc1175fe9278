import assert from "node:assert/strict";
import fc from "fast-check";
import { arrange, type Block, type Lifetime } from "../../../lib/compile/c/plan/arena.ts";

const lifetimes = fc.array(
  fc.record({
    bytes: fc.integer({ min: 0, max: 5000 }),
    first: fc.integer({ min: -1, max: 30 }),
    length: fc.integer({ min: 0, max: 30 }),
  }),
  { maxLength: 40 },
).map((all) =>
  new Map<Block, Lifetime>(
    all.map(({ bytes, first, length }) => [{ bytes }, { first, last: first + length }]),
  )
);

Deno.test("arrange() keeps blocks that are in use at the same time apart, on lines of the cache", () => {
  fc.assert(fc.property(lifetimes, (given) => {
    const { offsets, bytes } = arrange(given);
    const all = [...given].map(([block, lifetime]) => {
      const begin = offsets.get(block)!;
      return { begin, end: begin + block.bytes, ...lifetime };
    });
    for (const [i, a] of all.entries()) {
      assert.ok(a.begin % 64 === 0 && a.end <= bytes);
      for (const b of all.slice(i + 1)) {
        const together = a.first <= b.last && b.first <= a.last;
        assert.ok(!together || a.end <= b.begin || b.end <= a.begin);
      }
    }
  }));
});

Deno.test("arrange() uses memory again, and leaves out blocks that lie elsewhere", () => {
  const block = (bytes: number, fixed?: string): Block => fixed ? { bytes, fixed } : { bytes };
  const { offsets, bytes } = arrange(
    new Map([
      [block(640), { first: 0, last: 1 }],
      [block(640), { first: 1, last: 2 }],
      [block(640), { first: 2, last: 3 }],
      [block(10_000, "input x"), { first: 0, last: 3 }],
    ]),
  );
  assert.equal(bytes, 1280);
  assert.deepEqual([...offsets.values()], [0, 640, 0]);
});
