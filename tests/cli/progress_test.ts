import assert from "node:assert/strict";
import { formatDuration, formatRate } from "../../lib/cli/mod.ts";

Deno.test("formatDuration() shows minutes, and hours when there are any", () => {
  const texts = [0, 59.6, 75, 3599, 3700, 360_000, -1, Infinity].map(formatDuration);
  assert.deepEqual(texts, ["0:00", "1:00", "1:15", "59:59", "1:01:40", "100:00:00", "0:00", "?"]);
});

Deno.test("formatRate() keeps three digits that count, never an exponent", () => {
  assert.deepEqual([0.70461, 28.31, 1218.7, 645_300, 0].map(formatRate), [
    "0.705",
    "28.3",
    "1220",
    "645000",
    "0",
  ]);
});
