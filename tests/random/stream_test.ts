import assert from "node:assert/strict";
import fc from "fast-check";
import { type Key, RandomStream } from "../../lib/random/mod.ts";

const KEY: Key = { seed: 7, purpose: "test", step: 3, sample: 5 };

function first(key: Key, count = 8): number[] {
  const stream = new RandomStream(key);
  return Array.from({ length: count }, () => stream.uint32());
}

Deno.test("RandomStream gives the same values for the same key, whatever was drawn elsewhere", () => {
  const wanted = first(KEY);
  first({ ...KEY, step: 9 }, 1000);
  assert.deepEqual(first(KEY), wanted);
});

Deno.test("RandomStream values are pinned: a change would change every run", () => {
  assert.deepEqual(first({ seed: 0, purpose: "" }, 5), [
    238850593,
    2936928308,
    4254981623,
    170793330,
    1494603865,
  ]);
});

Deno.test("RandomStream keys that differ in one part share no values", () => {
  const others: Key[] = [
    { ...KEY, seed: 8 },
    { ...KEY, purpose: "tests" },
    { ...KEY, step: 4 },
    { ...KEY, sample: 6 },
    { ...KEY, step: 3 + 2 ** 32 },
  ];
  const seen = new Set(first(KEY, 64));
  for (const key of others) {
    assert.ok(first(key, 64).every((value) => !seen.has(value)), JSON.stringify(key));
  }
});

Deno.test("uniform() stays in [low, high) with the mean and variance of a uniform", () => {
  const stream = new RandomStream(KEY), count = 20_000;
  let sum = 0, squares = 0;
  for (let i = 0; i < count; i++) {
    const value = stream.uniform(2, 4);
    assert.ok(value >= 2 && value < 4);
    sum += value;
    squares += (value - 3) ** 2;
  }
  // Four standard errors.
  assert.ok(Math.abs(sum / count - 3) < 4 * Math.sqrt(1 / 3 / count));
  assert.ok(Math.abs(squares / count - 1 / 3) < 0.01);
});

Deno.test("normal() has mean 0, variance 1 and no skew", () => {
  const stream = new RandomStream(KEY), count = 20_000;
  const moments = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const value = stream.normal();
    [1, 2, 3].forEach((power, at) => moments[at]! += value ** power / count);
  }
  assert.ok(Math.abs(moments[0]!) < 0.03);
  assert.ok(Math.abs(moments[1]! - 1) < 0.04);
  assert.ok(Math.abs(moments[2]!) < 0.12);
});

Deno.test("integer() fills its range evenly", () => {
  const stream = new RandomStream(KEY), counts = Array<number>(7).fill(0);
  for (let i = 0; i < 14_000; i++) counts[stream.integer(7)]!++;
  for (const count of counts) assert.ok(Math.abs(count - 2000) < 200, String(counts));
});

Deno.test("integer() refuses a bound that nothing can satisfy, and does not hang", () => {
  const stream = new RandomStream(KEY);
  for (const bound of [0, -1, 1.5, NaN, 2 ** 32 + 1]) {
    assert.throws(
      () => stream.integer(bound),
      new RangeError(`Cannot draw an integer: wanted a bound from 1 to 2^32, got ${bound}`),
    );
  }
  assert.equal(stream.integer(1), 0);
});

Deno.test("permutation() holds every index once", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 200 }), fc.nat(), (count, seed) => {
    const order = new RandomStream({ seed, purpose: "permutation" }).permutation(count);
    assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: count }, (_, i) => i));
  }));
});

Deno.test("permutation() puts every index at every place equally often", () => {
  const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
  for (let seed = 0; seed < 4000; seed++) {
    const order = new RandomStream({ seed, purpose: "permutation" }).permutation(4);
    order.forEach((index, place) => counts[place]![index]!++);
  }
  for (const count of counts.flat()) assert.ok(Math.abs(count - 1000) < 130, String(counts));
});
