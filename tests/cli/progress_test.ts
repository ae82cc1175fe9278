import assert from "node:assert/strict";
import { formatDuration } from "../../lib/cli/mod.ts";

Deno.test("formatDuration() shows minutes, and hours when there are any", () => {
  const texts = [0, 59.6, 75, 3599, 3700, 360_000, -1, Infinity].map(formatDuration);
  assert.deepEqual(texts, ["0:00", "1:00", "1:15", "59:59", "1:01:40", "100:00:00", "0:00", "?"]);
});
