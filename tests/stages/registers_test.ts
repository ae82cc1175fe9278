/** An encoder with registers through the chain: pretrain, checkpoint, features, and a start from it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openShards } from "../../lib/data/mod.ts";
import { readEncoder } from "../../lib/encoder/mod.ts";
import { preparedBatches } from "../../lib/features/mod.ts";
import { readFeatures } from "../../lib/formats/arrow.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import type { FloatTensor } from "../../lib/tensor.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { regionMeans } from "../model/pooled.ts";
import { runStage, type StageResult } from "../run_stage.ts";
import { encodeImage, type Values } from "../training/float64_step.ts";

const SIDE = 16, PATCH = 4, WIDTH = 16, IMAGES = 6, REGISTERS = 3;

let root = "", shards = "", run = "", encoder = "";

Deno.test.beforeAll(async () => {
  root = await Deno.makeTempDir();
  [shards, run, encoder] = ["shards", "run", "encoder"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  const files = Array.from({ length: IMAGES }, (_, i) => pictureFile(i, [SIDE, SIDE]));
  await writeShards(shards, await Promise.all(files), { perShard: IMAGES });
  await succeed(pretrain("run", `model.registers=${REGISTERS}`));
  await succeed(runStage("checkpoint", ["--run", run, "--out", encoder]));
});
Deno.test.afterAll(async () => {
  await Deno.remove(root, { recursive: true });
});

async function succeed(stage: Promise<StageResult>): Promise<StageResult> {
  const result = await stage;
  assert.equal(result.code, 0, result.stderr);
  return result;
}

/** Four steps at a rate that moves every weight. @param more settings, then flags */
function pretrain(out: string, setting?: string, ...more: readonly string[]): Promise<StageResult> {
  return runStage("pretrain", [
    ...["--shards", shards, "--out", join(root, out), "--preset", "smoke", "--threads", "1"],
    ...["--batch", "4", "--steps", "4", "--checkpoint-steps", "2"],
    ...["--set", `data.imageSize=${SIDE}`, "--set", `model.patchSize=${PATCH}`],
    ...["--set", `model.width=${WIDTH}`, "--set", "schedule.warmupSteps=1"],
    ...["--set", "run.keepEvery=1", "--set", "schedule.learningRate=0.02"],
    ...["--set", "schedule.emaStart=0.5"],
    ...setting === undefined ? [] : ["--set", setting],
    ...more,
  ]);
}

async function stateOf(out: string, step: number) {
  const path = join(root, out, `checkpoints/step-0000000${step}/state.safetensors`);
  return (await readSafetensors(path)).tensors;
}

Deno.test("pretrain trains registers, decays them and moves those of the target after them", async () => {
  const [middle, end] = [await stateOf("run", 2), await stateOf("run", 4)];
  for (const name of ["encoder", "target_encoder", "moment1.encoder", "moment2.encoder"]) {
    const { shape, data } = end[`${name}.register_tokens`]!;
    assert.deepEqual(shape, [1, REGISTERS, WIDTH]);
    const before = middle[`${name}.register_tokens`]!.data;
    assert.ok((data as Float32Array).every((value, i) => value !== before[i]), name);
  }
  assert.equal(Object.keys(end).some((name) => /predictor.*register/.test(name)), false);
});

Deno.test("pretrain with registers goes on after a checkpoint to the same bytes", async () => {
  await succeed(pretrain("again", `model.registers=${REGISTERS}`));
  for (const name of ["checkpoints/step-00000004", "receipt.json"]) {
    await Deno.remove(join(root, "again", name), { recursive: true });
  }
  const { stderr } = await succeed(pretrain("again", `model.registers=${REGISTERS}`));
  assert.match(stderr, /going on after step 2/);
  assert.match(stderr, /encoder 16 wide, 2 deep, 3 registers, /);
  assert.deepEqual(await stateOf("again", 4), await stateOf("run", 4));
});

Deno.test("features of an exported encoder with registers are those of plain loops", async () => {
  const config = JSON.parse(await Deno.readTextFile(join(encoder, "config.json")));
  assert.deepEqual(
    [config.model_type, config.num_register_tokens],
    ["ijepa_with_registers", REGISTERS],
  );
  const { config: sizes, preprocessing } = await readEncoder(encoder);
  const values: Values = Object.fromEntries(
    Object.entries(await stateOf("run", 4)).map(([name, { data }]) => [
      name,
      Float64Array.from(data as Float32Array),
    ]),
  );
  await using split = (await openShards(shards)).split("train");
  const tokens: number[] = [];
  for await (const { images } of preparedBatches(split, { preprocessing, batch: IMAGES })) {
    const step = {
      ...{ batch: IMAGES, side: SIDE, patch: PATCH, images, context: [], targets: [] },
      encoder: { ...sizes, registers: REGISTERS },
      predictor: sizes, // None is asked.
      ...{ targetBlocks: 1, targetMasking: "output" } as const,
    };
    for (let image = 0; image < IMAGES; image++) {
      tokens.push(...encodeImage(step, values, "target_encoder.", image));
    }
  }
  const grid = [SIDE / PATCH, SIDE / PATCH] as const;
  for (const [pool, regions] of [["mean", 1], ["2x2", 2]] as const) {
    const out = join(root, `${pool}.arrow`);
    const flags = ["--encoder", encoder, "--shards", shards, "--out", out, "--pool", pool];
    await succeed(runStage("features", flags));
    const { embeddings, width } = await readFeatures(out);
    const wanted = regionMeans({ data: tokens, batch: IMAGES, grid, width: WIDTH }, regions);
    assert.equal(width, wanted.length / IMAGES);
    embeddings.forEach((value, i) => {
      assert.ok(Math.abs(value - wanted[i]!) < 1e-5, `${pool} [${i}]: ${value}, ${wanted[i]}`);
    });
  }
});

Deno.test("pretrain --init-from takes registers where there are some, and draws them where there are none", async () => {
  await succeed(pretrain("from", `model.registers=${REGISTERS}`, "--init-from", encoder));
  const { weights } = await readEncoder(encoder);
  const started = await stateOf("from", 0);
  for (const network of ["encoder", "target_encoder"]) {
    for (const [name, tensor] of Object.entries(weights)) {
      assert.deepEqual(started[`${network}.${name}`], tensor, name);
    }
  }
  const { stderr } = await pretrain("refused", undefined, "--init-from", encoder);
  assert.ok(
    stderr.includes(
      "embeddings.register_tokens [1 3 16] has no place without model.registers=3, give weights of this model",
    ),
    stderr,
  );

  await succeed(pretrain("bare"));
  const told = await succeed(
    pretrain("grown", "model.registers=5", "--init-from", join(root, "bare")),
  );
  assert.ok(
    told.stderr.includes("pretrain: it has no registers: the 5 of this run are new\n"),
    told.stderr,
  );
  const [bare, grown] = [await stateOf("bare", 4), await stateOf("grown", 0)];
  assert.deepEqual(grown["encoder.norm.weight"], bare["encoder.norm.weight"]);
  assert.deepEqual(grown["encoder.register_tokens"]!.shape, [1, 5, WIDTH]);
  assert.deepEqual(grown["target_encoder.register_tokens"], grown["encoder.register_tokens"]);
  const { data } = grown["encoder.register_tokens"] as FloatTensor;
  assert.ok(data.every((value) => value !== 0));
});
