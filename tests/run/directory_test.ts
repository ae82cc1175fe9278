import assert from "node:assert/strict";
import { join } from "node:path";
import { readRun } from "../../lib/run/mod.ts";
import { CONFIG, inRun, RECORD, refusal, TENSORS, withRun, withValues } from "./small_run.ts";

Deno.test("RunDirectory.open() makes a run, and finds it again with its newest checkpoint", async () => {
  await withRun(async (path) => {
    const said = await inRun(path, RECORD, async (run) => {
      assert.equal(run.checkpoint, undefined);
      for (const step of [10, 20, 30]) await run.writeCheckpoint({ step, tensors: TENSORS });
    });
    assert.deepEqual(said, []);
    assert.deepEqual(await readRun(path), RECORD);
    const lost = await inRun(path, RECORD, (run) => {
      assert.equal(run.checkpoint?.step, 30);
      return Promise.resolve();
    });
    assert.deepEqual(lost, ["metrics.jsonl holds 0 of the 30 steps done, the rest is lost"]);
    const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["checkpoints", "config.json", "metrics.jsonl"]);
  });
});

Deno.test("RunDirectory.open() refuses another configuration and names the first differences", async () => {
  await withRun(async (path) => {
    await inRun(path, RECORD);
    const other = withValues({ schedule: { learningRate: 0.002 }, run: { batch: 16 } });
    const failure = await refusal(path, other);
    assert.equal(failure.kind, "output");
    assert.equal(
      failure.message,
      `Cannot go on with "${path}": it belongs to another configuration: schedule.learningRate is 0.001 there ` +
        "and 0.002 here, run.batch is 8 there and 16 here, " +
        "repeat the command that started it or give another --out",
    );
    assert.deepEqual(await readRun(path), RECORD);
  });
});

Deno.test("RunDirectory.open() says why a run cannot be made longer", async () => {
  await withRun(async (path) => {
    await inRun(path, RECORD);
    assert.match(
      (await refusal(path, withValues({ schedule: { steps: 200 } }))).message,
      /schedule\.steps is 100 there and 200 here \(the schedules follow the length of a run, so it cannot be made longer or shorter\), repeat/,
    );
    const { steps: _, ...rest } = CONFIG.schedule;
    const inEpochs = { ...RECORD, config: { ...RECORD.config, schedule: { ...rest, epochs: 3 } } };
    assert.match(
      (await refusal(path, inEpochs)).message,
      /schedule\.steps is 100 there and not set here, schedule\.epochs is not set there and 3 here/,
    );
  });
});

Deno.test("RunDirectory.open() refuses other shards", async () => {
  await withRun(async (path) => {
    await inRun(path, RECORD);
    const shards = { ...RECORD.shards, manifestSha256: "cd".repeat(32) };
    assert.match(
      (await refusal(path, { ...RECORD, shards })).message,
      /: shards is abababababab there and cdcdcdcdcdcd here, /,
    );
  });
});

Deno.test("RunDirectory.open() lets the rhythm of checkpoints change, and tells of another runtime", async () => {
  await withRun(async (path) => {
    await inRun(path, RECORD);
    const changed = {
      ...withValues({ run: { checkpointSteps: 5, keepLast: 9 } }),
      runtime: { name: "onnx", description: "ONNX Runtime 1.30.0, 4 threads" },
    };
    assert.deepEqual(await inRun(path, changed), [
      'the run was started with runtime "ONNX Runtime 1.30.0, 2 threads", now ' +
      '"ONNX Runtime 1.30.0, 4 threads": values may differ in the last digits',
    ]);
    assert.deepEqual(await readRun(path), { ...changed, runtime: RECORD.runtime });
  });
});

Deno.test("RunDirectory.open() refuses a second process and names the first", async () => {
  await withRun(async (path) => {
    await inRun(path, RECORD, async () => {
      const failure = await refusal(path, RECORD);
      assert.equal(failure.kind, "output");
      assert.equal(
        failure.message,
        `Cannot write "${path}": another process (process ${Deno.pid}) is working on it, ` +
          "wait for it to end or give another --out",
      );
    });
    await inRun(path, RECORD); // The refusal has not taken the lock away, nor kept it.
  });
});

Deno.test("RunDirectory.open() takes over what a process killed at the start has left, by its number", async () => {
  await withRun(async (path) => {
    await Deno.mkdir(path);
    await Deno.writeTextFile(join(path, ".lock"), "process 77\n");
    await Deno.writeTextFile(join(path, "config.json.tmp-77"), '{"for');
    for (const name of ["config.json.tmp-2", "config.json.tmp-77-old", "notes.tmp-77"]) {
      await Deno.writeTextFile(join(path, name), "mine");
    }
    await inRun(path, RECORD);
    assert.deepEqual(await readRun(path), RECORD);
    const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    assert.deepEqual(names, [
      "checkpoints",
      "config.json",
      "config.json.tmp-2",
      "config.json.tmp-77-old",
      "metrics.jsonl",
      "notes.tmp-77",
    ]);
  });
});

Deno.test("RunDirectory.open() sets a damaged checkpoint aside, so that its step can be written again", async () => {
  await withRun(async (path) => {
    await inRun(path, RECORD, async (run) => {
      for (const step of [10, 20]) await run.writeCheckpoint({ step, tensors: TENSORS });
    });
    const state = join(path, "checkpoints/step-00000020/state.safetensors");
    await Deno.truncate(state, 3);
    const [said] = await inRun(path, RECORD, async (run) => {
      assert.equal(run.checkpoint?.step, 10);
      await run.writeCheckpoint({ step: 20, tensors: TENSORS });
    });
    assert.equal(
      said,
      `Cannot use the checkpoint "${path}/checkpoints/step-00000020": state.safetensors has the wrong length: ` +
        `wanted 124 bytes, got 3: renamed to "${path}/checkpoints/damaged-step-00000020", ` +
        "going on from the one before",
    );
    assert.ok((await Deno.stat(state)).size > 3);
  });
});

Deno.test("RunDirectory.open() refuses a checkpoint beyond the end of the run, and removes none", async () => {
  await withRun(async (path) => {
    await inRun(path, RECORD, async (run) => {
      for (const step of [90, 100, 110]) await run.writeCheckpoint({ step, tensors: TENSORS });
    });
    const { kind, message } = await refusal(path, RECORD);
    assert.deepEqual([kind, message], [
      "data",
      `Cannot go on with "${path}": "${path}/checkpoints/step-00000110" is beyond the end of the run, ` +
      "wanted at most step 100, move it away",
    ]);
    const names = [...Deno.readDirSync(join(path, "checkpoints"))].map(({ name }) => name).sort();
    assert.deepEqual(names, ["step-00000100", "step-00000110"]);
  });
});

Deno.test("RunDirectory.open() fails on a damaged record", async () => {
  await withRun(async (path) => {
    await inRun(path, RECORD);
    await Deno.writeTextFile(join(path, "config.json"), "{}");
    const failure = await refusal(path, RECORD);
    assert.equal(failure.kind, "data");
    assert.equal(
      failure.message,
      `Cannot open the run "${path}": "${path}/config.json" cannot be used: "format" is missing, ` +
        "give the directory of a run, or restore the file from a copy",
    );
  });
});

Deno.test("readRun() says that there is no run", async () => {
  await assert.rejects(readRun("/nowhere/run"), {
    kind: "missing",
    message: 'Cannot open the run "/nowhere/run": "/nowhere/run/config.json" does not exist, ' +
      "give the directory of a run, or restore the file from a copy",
  });
});
