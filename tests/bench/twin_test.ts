/** The record of a run, from which another program repeats it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { recordRun } from "../../bench/twin/record.ts";
import { Failure } from "../../lib/failure.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import { imagesOfStep } from "../../lib/training/order.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { withFolder } from "../folder.ts";
import { runStage } from "../run_stage.ts";

const STEPS = 3, BATCH = 4, CLASSES = ["a", "b", "c"];

async function makeShards(path: string, images: number): Promise<void> {
  const files = Array.from({ length: images }, (_, i) => pictureFile(i, [32, 32]));
  await writeShards(path, await Promise.all(files), { perShard: images, classes: CLASSES });
}

async function pretrain(run: string, shards: string, ...more: string[]): Promise<void> {
  const size = ["--preset", "smoke", "--steps", String(STEPS), "--batch", String(BATCH), ...more];
  const { code, stderr } = await runStage("pretrain", ["--shards", shards, "--out", run, ...size]);
  assert.equal(code, 0, stderr);
}

Deno.test("recordRun() writes the weights, batches and schedule values of every step", async () => {
  await withFolder(async (folder) => {
    const [run, shards, out] = ["run", "shards", "record"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await makeShards(shards, 9);
    await pretrain(run, shards);
    await recordRun(run, { shards, out });

    const record = JSON.parse(await Deno.readTextFile(join(out, "record.json")));
    assert.deepEqual([record.steps, record.batch, record.model.width], [STEPS, BATCH, 32]);
    assert.deepEqual(record.label, { name: "class", classes: CLASSES });
    const { tensors: weights } = await readSafetensors(join(out, "initial.safetensors"));
    const { data } = weights["encoder.patch_embed.proj.weight"]!;
    assert.deepEqual(weights["target_encoder.patch_embed.proj.weight"]!.data, data);
    assert.ok(!Object.keys(weights).some((name) => name.startsWith("moment")));

    const { tensors: steps } = await readSafetensors(join(out, "steps-00000000.safetensors"));
    const lines = (await Deno.readTextFile(join(run, "metrics.jsonl"))).trimEnd().split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual([...steps["learning_rate"]!.data], lines.map(({ lr }) => lr));
    for (const [step, { context_tokens, target_tokens }] of lines.entries()) {
      assert.deepEqual(steps[`${step}.images`]!.shape, [BATCH, 3, 32, 32]);
      assert.deepEqual(steps[`${step}.context`]!.shape, [BATCH, context_tokens]);
      assert.deepEqual(steps[`${step}.targets`]!.shape, [2 * BATCH, target_tokens]);
      const samples = [...imagesOfStep({ seed: 0, images: 9, batch: BATCH }, step)];
      const labels = [...steps[`${step}.labels`]!.data];
      assert.deepEqual(labels, samples.map((sample) => sample % CLASSES.length));
    }
    // Two full batches of nine images are an epoch: no image is in both, so no two batches are equal.
    assert.notDeepEqual(steps["0.images"]!.data, steps["1.images"]!.data);
    assert.equal(Object.keys(steps).length, 4 * STEPS + 3);
  });
});

Deno.test("recordRun() refuses what would be another run", async () => {
  await withFolder(async (folder) => {
    const [run, shards, others] = ["run", "shards", "others"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await makeShards(shards, 8);
    await makeShards(others, 9);
    await pretrain(run, shards);
    const refused = (text: string, given: string, directory = run) =>
      assert.rejects(
        recordRun(directory, { shards: given, out: join(folder, "record") }),
        (error) => {
          assert.ok(error instanceof Failure);
          assert.equal(error.kind, "data");
          assert.equal(error.message.replaceAll(folder, "F"), text);
          return true;
        },
      );
    await refused(
      'Cannot record the run "F/run": the shards in "F/others" are not those it has seen, ' +
        "give the ones of its --shards",
      others,
    );
    await pretrain(join(folder, "other"), shards, "--set", "objective.loss=l2");
    await refused(
      'Cannot record the run "F/other": the peer in PyTorch knows objective.loss=smoothL1 only, got l2',
      shards,
      join(folder, "other"),
    );
    const path = join(run, "metrics.jsonl");
    const lines = (await Deno.readTextFile(path)).split("\n");
    const other = JSON.stringify({ ...JSON.parse(lines[1]!), lr: 1 });
    await Deno.writeTextFile(path, [lines[0], other, ...lines.slice(2)].join("\n"));
    const { lr } = JSON.parse(lines[1]!);
    await refused(
      `Cannot record the run "F/run": lr of step 1 is 1 in its metrics and ${lr} here, ` +
        "record it with the version that made it",
      shards,
    );
    await Deno.writeTextFile(path, lines.slice(0, 2).join("\n") + "\n");
    await refused(
      `Cannot record the run "F/run": wanted 3 lines in "F/run/metrics.jsonl", got 2, ` +
        "finish the run first",
      shards,
    );
  });
});
