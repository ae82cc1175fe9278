import assert from "node:assert/strict";
import { join } from "node:path";
import { MetricsFile, type MetricsLine } from "../../lib/run/metrics.ts";

function lineOf(step: number): MetricsLine {
  return {
    step,
    loss: 0.4,
    lr: 1e-3,
    weight_decay: 0.04,
    ema_momentum: 0.996,
    context_tokens: 24,
    target_tokens: 9,
    target_std: 0.5,
    target_cosine: 0.1,
    seconds: 0.25,
    images_per_second: 32,
    data_wait_fraction: 0,
  };
}

async function withMetrics(use: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(join(directory, "metrics.jsonl"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function stepsIn(path: string): Promise<number[]> {
  const text = await Deno.readTextFile(path);
  assert.ok(text === "" || text.endsWith("\n"));
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line).step);
}

Deno.test("MetricsFile goes on from a step: later lines and a half-written one are cut off", async () => {
  await withMetrics(async (path) => {
    {
      using metrics = await MetricsFile.open(path, 0);
      assert.equal(metrics.kept, 0);
      for (let step = 0; step < 7; step++) metrics.append(lineOf(step));
    }
    await Deno.writeTextFile(path, '{"step":7,"lo', { append: true });
    {
      using metrics = await MetricsFile.open(path, 5);
      assert.equal(metrics.kept, 5);
      metrics.append(lineOf(5));
      await metrics.sync();
    }
    assert.deepEqual(await stepsIn(path), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(
      await Deno.readTextFile(path),
      [0, 1, 2, 3, 4, 5].map((step) => JSON.stringify(lineOf(step)) + "\n").join(""),
    );
  });
});

Deno.test("MetricsFile cuts off what is not a line of a later step than the one before", async () => {
  for (const damage of ["{]\n", "null\n", '{"step":1}\n', '{"step":"2"}\n', "\u0000\u0000\n"]) {
    await withMetrics(async (path) => {
      const good = [0, 1].map((step) => JSON.stringify(lineOf(step)) + "\n").join("");
      await Deno.writeTextFile(path, good + damage + JSON.stringify(lineOf(3)) + "\n");
      using metrics = await MetricsFile.open(path, 10);
      assert.equal(metrics.kept, 2);
      assert.equal(await Deno.readTextFile(path), good);
    });
  }
});
