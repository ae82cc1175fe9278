import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { readFeatures } from "../../lib/formats/arrow.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import { TAGS } from "../../lib/run/events.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { withFolder } from "../folder.ts";
import { runStage, spawnStage } from "../run_stage.ts";
import { exportEncoder, stage } from "./encoders.ts";
import { handedBack, python, testWithPython } from "./programs.ts";

/** Pictures in two classes, with a number for all but one. */
async function writeImages(folder: string): Promise<void> {
  let table = "path,size:number\n";
  for (let i = 0; i < 9; i++) {
    const path = `${i % 3 === 0 ? "katze" : "hündin"}/${i}.png`;
    await Deno.mkdir(join(folder, path, ".."), { recursive: true });
    await Deno.writeFile(join(folder, path), await pictureFile(i, [20, 24]));
    if (i !== 4) table += `${path},${i / 4}\n`;
  }
  await Deno.writeTextFile(join(folder, "labels.csv"), table);
}

testWithPython("pyarrow reads a features file: schema, metadata and every value", async () => {
  await withFolder(async (folder) => {
    const { encoder } = await exportEncoder(folder);
    const images = join(folder, "images"), shards = join(folder, "shards");
    const path = join(folder, "features.arrow"), out = join(folder, "embedding.safetensors");
    await writeImages(images);
    await stage("shard", "--images", images, "--out", shards, "--holdout", "0.25");
    await stage("features", "--encoder", encoder, "--shards", shards, "--out", path);
    const ours = await readFeatures(path);
    const { schema, metadata, columns } = JSON.parse(await python("arrow_read", path, out));
    assert.deepEqual(schema, [
      ["key", "string"],
      ["path", "string"],
      ["class", "string"],
      ["size", "double"],
      ["embedding", `fixed_size_list<item: float not null>[${ours.width}]`],
    ]);
    assert.deepEqual(metadata, ours.metadata);
    assert.deepEqual(columns, {
      key: ours.keys,
      path: ours.paths,
      class: ours.labels.get("class")!.values,
      size: ours.labels.get("size")!.values,
    });
    const embedding = (await handedBack(out))["embedding"]!;
    assert.deepEqual(embedding.shape, [ours.rows, ours.width]);
    assert.deepEqual(embedding.data, ours.embeddings);
  });
});

testWithPython(
  "the safetensors library reads an exported model and a checkpoint: metadata and every byte",
  async () => {
    await withFolder(async (folder) => {
      const { encoder, state } = await exportEncoder(folder);
      for (const path of [join(encoder, "model.safetensors"), state]) {
        const ours = await readSafetensors(path);
        const { metadata, tensors } = JSON.parse(await python("safetensors_read", path));
        assert.deepEqual(metadata, ours.metadata);
        const wanted = Object.entries(ours.tensors).map(([name, { dtype, shape, data }]) => {
          const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
          return [name, [dtype, shape, createHash("sha256").update(bytes).digest("hex")]];
        });
        assert.ok(wanted.length > 50);
        assert.deepEqual(tensors, Object.fromEntries(wanted));
      }
    });
  },
);

const STEPS = 60;
const SMALL = [
  ...["--preset", "smoke", "--steps", String(STEPS), "--batch", "8", "--checkpoint-steps", "10"],
  ...["--set", "data.imageSize=16", "--set", "model.patchSize=4", "--set", "model.width=16"],
];

async function metricsOf(run: string): Promise<Record<string, number>[]> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl")).catch(() => "");
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

testWithPython(
  "TensorBoard shows each step of a run once, killed and gone on with, as metrics.jsonl has it",
  async () => {
    await withFolder(async (folder) => {
      const shards = join(folder, "shards"), run = join(folder, "run");
      const pictures = Array.from({ length: 16 }, (_, i) => pictureFile(i, [20, 20]));
      await writeShards(shards, await Promise.all(pictures), { perShard: 16 });
      const flags = ["--shards", shards, "--out", run, ...SMALL];
      const killed = spawnStage("pretrain", flags);
      const done = killed.output();
      while ((await metricsOf(run)).length < 15) await new Promise((next) => setTimeout(next, 5));
      killed.kill("SIGKILL");
      await done;
      const before = (await metricsOf(run)).length;
      assert.ok(before < STEPS, `${before} steps were done before the kill`);
      const { code, stderr } = await runStage("pretrain", flags);
      assert.equal(code, 0, stderr);

      const events = join(run, "tensorboard");
      assert.equal((await Array.fromAsync(Deno.readDir(events))).length, 2);
      const scalars = JSON.parse(await python("events_read", events));
      const metrics = await metricsOf(run);
      assert.equal(metrics.length, STEPS);
      const shown = TAGS.filter(([, column]) => column in metrics[0]!);
      const wanted = shown.map(([tag, column]) => [
        tag,
        metrics.filter((line) => line[column] !== undefined)
          .map((line) => [line["step"], Math.fround(line[column]!)]),
      ]);
      assert.deepEqual(scalars, Object.fromEntries(wanted));
    });
  },
);
