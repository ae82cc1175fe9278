import assert from "node:assert/strict";
import { mapInOrder } from "../../lib/data/ordered.ts";

/** Resolves after some turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("mapInOrder() keeps the order and the limit", async () => {
  let running = 0, most = 0;
  const results = mapInOrder(Array(20).keys(), async (item) => {
    most = Math.max(most, ++running);
    await turns(item * 7 % 5);
    running--;
    return item * item;
  }, { inFlight: 4 });
  assert.deepEqual(await Array.fromAsync(results), Array.from({ length: 20 }, (_, i) => i * i));
  assert.equal(most, 4);
});

Deno.test("mapInOrder() throws an error when its turn comes", async () => {
  const seen: number[] = [];
  const results = mapInOrder([0, 1, 2, 3], async (item) => {
    if (item === 2) throw new Error("two");
    await turns(1);
    return item;
  }, { inFlight: 4 });
  await assert.rejects(async () => {
    for await (const item of results) seen.push(item);
  }, { message: "two" });
  assert.deepEqual(seen, [0, 1]);
});

Deno.test("mapInOrder() throws when all that has begun is over, so that nothing is written afterwards", async () => {
  let running = 0;
  const results = mapInOrder([0, 1, 2, 3, 4], async (item) => {
    running++;
    await turns(item * 3);
    running--;
    if (item === 1) throw new Error("one");
  }, { inFlight: 4 });
  await assert.rejects(Array.fromAsync(results), { message: "one" });
  assert.equal(running, 0);
});

Deno.test("mapInOrder() keeps the weight, and lets a heavier item go alone", async () => {
  const weights = [1, 2, 9, 1, 1, 1, 1];
  let weight = 0, running = 0;
  const seen: (readonly [number, number])[] = [];
  const results = mapInOrder(weights, async (item) => {
    weight += item;
    running++;
    assert.ok(weight <= 3 || running === 1, `${weight} in ${running}`);
    await turns(item);
    return item;
  }, { inFlight: 8, mostWeight: 3, weigh: (item) => Promise.resolve(item) });
  for await (const item of results) {
    // A result that is being used is still in memory.
    await turns(1);
    seen.push([item, running]);
    weight -= item;
    running--;
  }
  assert.deepEqual(seen.map(([item]) => item), weights);
  assert.equal(Math.max(...seen.map(([, count]) => count)), 3);
});
