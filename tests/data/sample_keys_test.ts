import assert from "node:assert/strict";
import fc from "fast-check";
import { sampleKeys } from "../../lib/data/sample_keys.ts";

Deno.test("sampleKeys() keeps plain paths and hashes the others", () => {
  const keys = sampleKeys([
    "cat/IMG_1.JPG",
    "cat/v1.2.jpg",
    "dup.jpg",
    "dup.png",
    "Straße/図.jpg",
    "__meta__/x.jpg",
    "Case.jpg",
    "case.webp",
    `${"long/".repeat(30)}x.jpg`,
    "no-extension",
  ]);
  assert.deepEqual(keys, [
    "cat/IMG_1",
    "cat/v1_2-90458785",
    "dup-3ed3b0df",
    "dup-a9aa5d3a",
    "Stra_e-edd1b9d0",
    "meta__/x-56c34317",
    "Case-bc11ceb5",
    "case-8f41a299",
    "x-6c6870db",
    "no-extension",
  ]);
});

Deno.test("sampleKeys() gives every path one safe key of its own", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "A", "_", ".", "é", "図", "-", " ", "1") })
    .filter((text) => text !== "" && !text.startsWith("."));
  const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  fc.assert(fc.property(fc.uniqueArray(path, { maxLength: 30 }), (paths) => {
    const keys = sampleKeys(paths);
    assert.equal(new Set(keys.map((key) => key.toLowerCase())).size, paths.length);
    for (const key of keys) {
      assert.match(key, /^(?!__)[\w-]+(\/(?!__)[\w-]+)*$/);
      assert.ok(key.length <= 90);
    }
  }));
});

Deno.test("sampleKeys() does not give one file the hashed key of another", () => {
  const [hashed] = sampleKeys(["a b.jpg"]);
  const keys = sampleKeys(["a b.jpg", `${hashed}.jpg`]);
  assert.equal(keys[1], hashed);
  assert.match(keys[0]!, /^image-[0-9a-f]{64}$/);
});
