import assert from "node:assert/strict";
import { repeatedKey } from "../lib/repeated_key.ts";

Deno.test("repeatedKey() finds a key that an object has twice, wherever it is", () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    "{}": undefined,
    '"a"': undefined,
    '{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}': undefined,
    '{"a":"b","b":"a: \\"b\\":","c":"{\\"a\\":1,"}': undefined,
    '{"a":1, "b":2, "a" : 3}': "a",
    '{"run":{"batch":8,"steps":5,"batch":8}}': "run.batch",
    '{"run":{"batch":8},"x":[],"run":{}}': "run",
    '{"x":[1,{"y":{"z":1,"z":2}}]}': "x.y.z",
    '{"a\\u0062":1,"ab":2}': "ab",
    '{"__proto__":1,"__proto__":2}': "__proto__",
  };
  for (const [text, wanted] of Object.entries(cases)) {
    JSON.parse(text);
    assert.equal(repeatedKey(text), wanted, text);
  }
  const started = performance.now();
  assert.equal(repeatedKey("[".repeat(400_000) + "]".repeat(400_000)), undefined);
  assert.equal(repeatedKey(`{"${"\\\\".repeat(400_000)}":1}`), undefined);
  assert.ok(performance.now() - started < 5000);
});
