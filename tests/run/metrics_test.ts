import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { MetricsFile } from "../../lib/run/metrics.ts";
import { lossOfLastStep } from "../../lib/run/metrics_lines.ts";
import { lineOf } from "./small_run.ts";

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

const textOf = (...steps: number[]) =>
  steps.map((step) => JSON.stringify(lineOf(step)) + "\n").join("");

/** What a file holds after it was opened for the steps from `firstStep` on. */
async function opened(
  text: string | Uint8Array,
  firstStep: number,
): Promise<{ readonly kept: number; readonly text: string }> {
  let result = { kept: -1, text: "" };
  await withMetrics(async (path) => {
    await Deno.writeFile(path, typeof text === "string" ? new TextEncoder().encode(text) : text);
    using metrics = await MetricsFile.open(path, firstStep);
    metrics.append(lineOf(firstStep));
    const now = await Deno.readTextFile(path);
    assert.ok(now.endsWith(textOf(firstStep)));
    result = { kept: metrics.kept, text: now.slice(0, -textOf(firstStep).length) };
    assert.deepEqual([...Deno.readDirSync(join(path, ".."))].map(({ name }) => name), [
      "metrics.jsonl",
    ]);
  });
  return result;
}

Deno.test("MetricsFile takes out a line that is none, and keeps those after it", async () => {
  const damages = [
    "{]\n",
    "\n",
    "null\n",
    '{"step":1}\n',
    '{"step":"2","loss":1}\n',
    '{"step":-1,"loss":1}\n',
    '{"step":2.5,"loss":1}\n',
    '{"step":2,"loss":"NaN"}\n',
    "\u0000\u0000\n",
    `{"step":2,"loss":1,"more":"${"x".repeat(70_000)}"}\n`,
    `${"x".repeat(3_000_000)}\n`,
  ];
  for (const damage of damages) {
    const wanted = { kept: 4, text: textOf(0, 1, 3, 4) };
    assert.deepEqual(await opened(textOf(0, 1) + damage + textOf(3, 4, 12, 13), 10), wanted);
  }
});

Deno.test("MetricsFile drops a step whose number was garbled, wherever it points, and no other", async () => {
  const lines = (steps: number[]) => opened(textOf(...steps), 10);
  assert.deepEqual(await lines([0, 1, 9, 3, 4, 5]), { kept: 5, text: textOf(0, 1, 3, 4, 5) });
  assert.deepEqual(await lines([0, 1, 2, 0, 4, 5]), { kept: 5, text: textOf(0, 1, 2, 4, 5) });
  assert.deepEqual(await lines([0, 1, 2, 2, 3]), { kept: 4, text: textOf(0, 1, 2, 3) });
  assert.deepEqual(await lines([]), { kept: 0, text: "" });
});

Deno.test("MetricsFile gives back a last newline that an editor has taken, and keeps fewer columns", async () => {
  const text = '{"step":0,"loss":1}\r\n' + textOf(1, 2);
  assert.deepEqual(await opened(text.trimEnd(), 3), { kept: 3, text });
});

Deno.test("MetricsFile keeps any subset of good lines between any bytes, byte for byte", async () => {
  const noise = fc.uint8Array({ maxLength: 30 }).map((bytes) =>
    bytes.filter((byte) => byte !== 10)
  );
  const parts = fc.array(fc.option(noise, { nil: undefined }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(parts, async (list) => {
      const lines = list.map((bytes, step) =>
        bytes === undefined ? new TextEncoder().encode(textOf(step)) : Uint8Array.of(...bytes, 10)
      );
      const good = list.flatMap((bytes, step) => bytes === undefined ? [step] : []);
      const file = new Uint8Array(await new Blob(lines).arrayBuffer());
      const wanted = { kept: good.length, text: textOf(...good) };
      assert.deepEqual(await opened(file, list.length), wanted);
    }),
    { numRuns: 60 },
  );
});

Deno.test("MetricsFile leaves a file alone in which nothing is wrong, its time too", async () => {
  await withMetrics(async (path) => {
    await Deno.writeTextFile(path, textOf(0, 1, 2));
    await Deno.utime(path, 1e9, 1e9);
    const before = await Deno.stat(path);
    using metrics = await MetricsFile.open(path, 3);
    const { ino, mtime } = await Deno.stat(path);
    assert.deepEqual([metrics.kept, ino, mtime], [3, before.ino, before.mtime]);
  });
});

Deno.test("MetricsFile never changes a file that has another name too, as in a snapshot of hard links", async () => {
  await withMetrics(async (path) => {
    await Deno.writeTextFile(path, textOf(0, 1, 2, 3));
    await Deno.link(path, `${path}.snapshot`);
    using metrics = await MetricsFile.open(path, 2);
    metrics.append(lineOf(2));
    assert.equal(await Deno.readTextFile(path), textOf(0, 1, 2));
    assert.equal(await Deno.readTextFile(`${path}.snapshot`), textOf(0, 1, 2, 3));
  });
});

Deno.test("lossOfLastStep() reads the end of a file, whatever is in it", async () => {
  await withMetrics(async (path) => {
    assert.equal(await lossOfLastStep(path, 3), undefined);
    await Deno.writeTextFile(path, textOf(0, 1, 2, 3));
    assert.equal(await lossOfLastStep(path, 3), 0.4);
    assert.equal(await lossOfLastStep(path, 4), undefined);
    await Deno.writeTextFile(path, "{]\n", { append: true });
    assert.equal(await lossOfLastStep(path, 3), 0.4);
    await Deno.writeTextFile(path, `${"x".repeat(200_000)}\n` + textOf(3), { append: true });
    assert.equal(await lossOfLastStep(path, 3), 0.4);
    await Deno.writeTextFile(path, "");
    assert.equal(await lossOfLastStep(path, 3), undefined);
  });
});
