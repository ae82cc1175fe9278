import assert from "node:assert/strict";
import fc from "fast-check";
import { RandomStream } from "../../lib/random/mod.ts";
import { mutate, MUTATIONS } from "../../torture/mutations.ts";

const stream = (step: number) => new RandomStream({ seed: 3, purpose: "mutation", step });

Deno.test("mutate() never gives the bytes back, and gives the same for the same seed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (bytes, step) => {
      const first = mutate(new Uint8Array(bytes), stream(step));
      const second = mutate(new Uint8Array(bytes), stream(step));
      assert.deepEqual(first, second);
      assert.notDeepEqual(first.bytes, new Uint8Array(bytes));
    }),
    { numRuns: 200 },
  );
});

Deno.test("mutate() does every kind of damage to a file of text", () => {
  const text = new TextEncoder().encode('{"width": 32, "name": "abc",\n"list": [1.5e3]}\n');
  const seen = new Set(Array.from({ length: 400 }, (_, step) => mutate(text, stream(step)).name));
  assert.deepEqual([...seen].sort(), Object.keys(MUTATIONS).sort());
});

Deno.test("number and nesting put edges where a number was", () => {
  const text = new TextEncoder().encode('{"width":32}');
  const changed = (name: string) =>
    Array.from(
      { length: 200 },
      (_, step) => new TextDecoder().decode(MUTATIONS[name]!(text, stream(step))),
    );
  assert.ok(changed("number").includes('{"width":2147483648}'));
  assert.ok(changed("number").includes('{"width":NaN}'));
  assert.ok(changed("nesting").some((each) => each.startsWith('{"width":' + "[".repeat(5000))));
});
