import assert from "node:assert/strict";
import fc from "fast-check";
import { IndexSet } from "../../../lib/compile/c/kernels/index_set.ts";

const LIMIT = 100;
const numbers = fc.uniqueArray(fc.nat(LIMIT - 1));

function setOf(indices: readonly number[]): IndexSet {
  const set = new IndexSet(LIMIT);
  for (const index of indices) set.add(index);
  return set;
}

function listOf(set: IndexSet): number[] {
  return Array.from({ length: LIMIT }, (_, i) => i).filter((index) => set.has(index));
}

Deno.test("IndexSet does what a Set does", () => {
  fc.assert(fc.property(numbers, numbers, (a, b) => {
    const joined = setOf(a);
    joined.addAll(setOf(b));
    assert.deepEqual(listOf(joined), [...new Set([...a, ...b])].sort((x, y) => x - y));
    assert.equal(setOf(a).isWithin(setOf(b)), a.every((index) => b.includes(index)));
    assert.ok(setOf(a).isWithin(joined));
    assert.equal(setOf(a).isEmpty, a.length === 0);
  }));
});
