import assert from "node:assert/strict";
import fc from "fast-check";
import { arrange, type Buffer, type Lifetime } from "../../../lib/compile/c/plan/arena.ts";

const lifetimes = fc.array(
  fc.record({
    bytes: fc.integer({ min: 0, max: 5000 }),
    first: fc.integer({ min: -1, max: 30 }),
    length: fc.integer({ min: 0, max: 30 }),
  }),
  { maxLength: 40 },
).map((all) =>
  new Map<Buffer, Lifetime>(
    all.map(({ bytes, first, length }) => [{ bytes }, { first, last: first + length }]),
  )
);

Deno.test("arrange() keeps buffers that are in use at the same time apart, on lines of the cache", () => {
  fc.assert(fc.property(lifetimes, (given) => {
    const { offsets, bytes } = arrange(given);
    const all = [...given].map(([buffer, lifetime]) => {
      const begin = offsets.get(buffer)!;
      return { begin, end: begin + buffer.bytes, ...lifetime };
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

Deno.test("arrange() uses memory again, and leaves out buffers that lie elsewhere", () => {
  const buffer = (bytes: number, external?: string): Buffer =>
    external ? { bytes, external } : { bytes };
  const { offsets, bytes } = arrange(
    new Map([
      [buffer(640), { first: 0, last: 1 }],
      [buffer(640), { first: 1, last: 2 }],
      [buffer(640), { first: 2, last: 3 }],
      [buffer(10_000, "input x"), { first: 0, last: 3 }],
    ]),
  );
  assert.equal(bytes, 1280);
  assert.deepEqual([...offsets.values()], [0, 640, 0]);
});
