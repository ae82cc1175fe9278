import assert from "node:assert/strict";
import { availableMemory, leastMemory } from "../../lib/runtime/available_memory.ts";

Deno.test("leastMemory() takes the smallest of machine and limits, as far as they are known", () => {
  assert.equal(leastMemory(undefined, [undefined, undefined]), undefined);
  assert.equal(leastMemory(8e9, [undefined, undefined]), 8e9);
  assert.equal(leastMemory(8e9, ["max\n", undefined]), 8e9);
  assert.equal(leastMemory(8e9, ["2147483648\n", undefined]), 2 ** 31);
  assert.equal(leastMemory(8e9, [undefined, "9223372036854771712\n"]), 8e9);
  assert.equal(leastMemory(undefined, ["1000000\n"]), 1e6);
});

Deno.test("availableMemory() is no more than the machine has", async () => {
  const bytes = await availableMemory();
  assert.ok(bytes !== undefined && bytes > 0 && bytes <= Deno.systemMemoryInfo().total, `${bytes}`);
});
