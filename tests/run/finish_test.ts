import assert from "node:assert/strict";
import { join } from "node:path";
import { finishedRun, finishRun, readRun, type RunRecord } from "../../lib/run/mod.ts";
import { tool } from "../tools.ts";
import { inRun, RECORD, refusal, TENSORS, withRun, withValues } from "./small_run.ts";

const STEPS = 100;

/** A run that was trained to its end. */
async function withFinished(use: (run: string) => Promise<void>): Promise<void> {
  await withRun(async (run) => {
    await inRun(run, RECORD, (opened) => opened.writeCheckpoint({ step: STEPS, tensors: TENSORS }));
    await Deno.writeTextFile(join(run, "metrics.jsonl"), '{"step":99,"loss":0.25}\n');
    await finishRun(run, { record: RECORD, shards: "shards", steps: STEPS });
    await use(run);
  });
}

const summaryOf = (run: string) => ({
  steps: STEPS,
  loss: 0.25,
  checkpoint: join(run, "checkpoints/step-00000100"),
});

const finished = (run: string, identity: RunRecord = RECORD) =>
  finishedRun(run, { identity, steps: STEPS });

/** Names and times of everything in a run. */
function timesIn(path: string): [name: string, time: unknown][] {
  return [...Deno.readDirSync(path)].flatMap(({ name, isDirectory }) => {
    const inner = join(path, name);
    return [
      [inner, Deno.statSync(inner).mtime] as [string, unknown],
      ...isDirectory ? timesIn(inner) : [],
    ];
  }).sort();
}

Deno.test("finishedRun() knows a finished run and writes nothing", async () => {
  await withFinished(async (run) => {
    const before = timesIn(run);
    assert.deepEqual(await finished(run), summaryOf(run));
    assert.deepEqual(timesIn(run), before);
  });
});

Deno.test("finishedRun() says nothing of a run where something is left to do", async () => {
  await withRun(async (run) => {
    assert.equal(await finished(run), undefined);
    await inRun(run, RECORD, (opened) => opened.writeCheckpoint({ step: 90, tensors: TENSORS }));
    assert.equal(await finished(run), undefined);
  });
  const damages: ((run: string) => Promise<unknown>)[] = [
    (run) => Deno.remove(join(run, "receipt.json")),
    (run) => Deno.truncate(join(run, "receipt.json"), 0),
    (run) => Deno.truncate(join(run, "receipt.json"), 20),
    (run) => Deno.remove(join(run, "checkpoints"), { recursive: true }),
    (run) => Deno.truncate(join(run, "checkpoints/step-00000100/state.safetensors"), 9),
  ];
  for (const damage of damages) {
    await withFinished(async (run) => {
      await damage(run);
      assert.equal(await finished(run), undefined);
    });
  }
});

Deno.test("finishedRun() reads no loss where its line is bad or gone", async () => {
  await withFinished(async (run) => {
    await Deno.writeTextFile(join(run, "metrics.jsonl"), "{]\n");
    assert.deepEqual(await finished(run), { ...summaryOf(run), loss: null });
    await Deno.remove(join(run, "metrics.jsonl"));
    assert.deepEqual(await finished(run), { ...summaryOf(run), loss: null });
  });
});

Deno.test("finishedRun() never waits for a pipe in the place of a file", async () => {
  const [metrics, receipt] = ["metrics.jsonl", "receipt.json"];
  const cases: [name: string, outcome: RegExp | undefined][] = [
    [metrics, /^Cannot read ".*\/metrics\.jsonl": it is not readable \(it is a pipe or a device/],
    [receipt, /^Cannot write ".*\/receipt\.json": it is a pipe or a device, wanted a file, give/],
    ["checkpoints/step-00000100/state.json", undefined],
    ["checkpoints/step-00000100/state.safetensors", undefined],
  ];
  for (const [name, message] of cases) {
    await withFinished(async (run) => {
      await Deno.remove(join(run, name));
      if (await tool("mkfifo", [join(run, name)]) === undefined) return;
      if (message === undefined) assert.equal(await finished(run), undefined);
      else await assert.rejects(finished(run), { name: "Failure", message });
    });
  }
});

Deno.test("readRun() never waits for a pipe in the place of a receipt", async () => {
  await withFinished(async (run) => {
    await Deno.remove(join(run, "receipt.json"));
    if (await tool("mkfifo", [join(run, "receipt.json")]) === undefined) return;
    assert.deepEqual((await readRun(run)).config, RECORD.config);
  });
});

Deno.test("finishedRun() says what is wrong where a file and a directory changed places", async () => {
  await withFinished(async (run) => {
    const metrics = join(run, "metrics.jsonl");
    await Deno.remove(metrics);
    await Deno.mkdir(metrics);
    await assert.rejects(finished(run), {
      name: "Failure",
      message: `Cannot read "${metrics}": it is not readable (it is a directory)`,
    });
    await Deno.remove(metrics);
    const checkpoints = join(run, "checkpoints");
    await Deno.remove(checkpoints, { recursive: true });
    await Deno.writeTextFile(checkpoints, "");
    await assert.rejects(finished(run), {
      name: "Failure",
      message: `Cannot read "${checkpoints}": it is no directory, move it away`,
    });
  });
});

Deno.test("finishedRun() refuses a run of another configuration", async () => {
  await withFinished(async (run) => {
    await assert.rejects(finished(run, withValues({ run: { batch: 16 } })), {
      kind: "output",
      message: /run\.batch is 8 there and 16 here/,
    });
  });
});

Deno.test("finishRun() makes a receipt again that is no JSON, and keeps one that is whole", async () => {
  await withFinished(async (run) => {
    const path = join(run, "receipt.json");
    const parts = { record: RECORD, shards: "shards", steps: STEPS };
    const before = await Deno.readTextFile(path);
    assert.deepEqual(await finishRun(run, parts), summaryOf(run));
    assert.equal(await Deno.readTextFile(path), before);
    await Deno.truncate(path, 30);
    await finishRun(run, parts);
    const { stage, config, summary, finished } = JSON.parse(await Deno.readTextFile(path));
    assert.deepEqual([stage, config], ["pretrain", (await readRun(run)).config]);
    assert.deepEqual(summary, { ...summaryOf(run), checkpoint: "checkpoints/step-00000100" });
    assert.ok(Date.parse(finished) > 0);
  });
});

Deno.test("readRun() refuses a finished run with other values than those of its receipt", async () => {
  await withFinished(async (run) => {
    const path = join(run, "config.json"), text = await Deno.readTextFile(path);
    const withChange = async (group: string, key: string, value: unknown) => {
      const written = JSON.parse(text);
      written.config[group][key] = value;
      await Deno.writeTextFile(path, JSON.stringify(written));
    };
    const refusedWith = (what: string) => ({
      kind: "data",
      message:
        `Cannot open the run "${run}": config.json was changed since the run was finished: ` +
        `${what}, restore the file from a copy`,
    });
    await withChange("model", "heads", 4);
    await assert.rejects(readRun(run), refusedWith("model.heads from 2 to 4"));
    await withChange("data", "std", [0.5, 0.5, 0.5]);
    await assert.rejects(
      readRun(run),
      refusedWith("data.std from [0.229,0.224,0.225] to [0.5,0.5,0.5]"),
    );
    // Where no value is, the default is meant; how many checkpoints are kept changes nothing.
    await withChange("objective", "loss", undefined);
    await readRun(run);
    await withChange("run", "keepLast", 7);
    assert.equal((await readRun(run)).config.run.keepLast, 7);
    await withChange("model", "heads", 4);
    await Deno.remove(join(run, "receipt.json"));
    await assert.rejects(
      readRun(run),
      /since the checkpoint of step 100: model\.heads from 2 to 4/,
    );
    // Checkpoints of older versions do not say which values the run had.
    const state = join(run, "checkpoints/step-00000100/state.json");
    const { values: _values, ...older } = JSON.parse(await Deno.readTextFile(state));
    await Deno.writeTextFile(state, JSON.stringify(older));
    assert.equal((await readRun(run)).config.model.heads, 4);
  });
});

Deno.test("RunDirectory.open() refuses the receipt of something else before the work", async () => {
  await withFinished(async (run) => {
    const path = join(run, "receipt.json");
    for (
      const [receipt, what] of [
        [{ stage: "shard" }, '"stage" wants "pretrain", got "shard"'],
        [{ stage: "pretrain", summary: { steps: 50 } }, '"summary.steps" wants 100, got 50'],
      ] as const
    ) {
      await Deno.writeTextFile(path, JSON.stringify(receipt));
      const { kind, message } = await refusal(run, RECORD);
      assert.deepEqual([kind, message], [
        "output",
        `Cannot write the run "${run}": "${path}" is the receipt of something else (${what}), ` +
        "move it away or give another --out",
      ]);
      await assert.rejects(finished(run), { kind: "output" });
      assert.equal(await Deno.readTextFile(path), JSON.stringify(receipt));
    }
  });
});

Deno.test("readRun() refuses values that an unfinished run did not have at its newest checkpoint", async () => {
  await withRun(async (run) => {
    await inRun(run, RECORD, (opened) => opened.writeCheckpoint({ step: 10, tensors: TENSORS }));
    assert.deepEqual(await readRun(run), RECORD);
    const path = join(run, "config.json"), text = await Deno.readTextFile(path);
    const edited = JSON.parse(text);
    edited.config.model.heads *= 2;
    await Deno.writeTextFile(path, JSON.stringify(edited));
    await assert.rejects(readRun(run), {
      kind: "data",
      message:
        /config\.json was changed since the checkpoint of step 10: model\.heads from \d+ to /,
    });
    // A setting that the version which began the run did not know.
    const older = JSON.parse(text);
    delete older.config.objective.loss;
    await Deno.writeTextFile(path, JSON.stringify(older));
    assert.deepEqual((await readRun(run)).config, RECORD.config);
  });
});
