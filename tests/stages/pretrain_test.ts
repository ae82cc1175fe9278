import assert from "node:assert/strict";
import { join } from "node:path";
import { describeProposal } from "../../lib/config/mod.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { runStage, spawnStage } from "../run_stage.ts";
import { exists, FINAL, SMALL, SmallPretraining, STEPS, stepsDone } from "./small_pretraining.ts";

let small: SmallPretraining;
Deno.test.beforeAll(async () => {
  small = await SmallPretraining.create();
});
Deno.test.afterAll(() => small[Symbol.asyncDispose]());

Deno.test("pretrain writes complete metrics, configuration with origins, checkpoints and a receipt", async () => {
  const { metrics } = await small.uninterrupted() as { metrics: Record<string, number>[] };
  const run = small.reference;
  assert.deepEqual(metrics.map(({ step }) => step), Array.from({ length: STEPS }, (_, i) => i));
  for (const line of metrics) {
    assert.deepEqual(Object.keys(line), [
      "step",
      "loss",
      "lr",
      "weight_decay",
      "ema_momentum",
      "context_tokens",
      "target_tokens",
      "target_std",
      "target_cosine",
      ...line["step"]! % 10 === 0 ? ["target_rank"] : [],
    ]);
    const { target_rank: rank = 1 } = line;
    assert.ok(rank >= 1 && rank <= 8, `of 8 images ${rank}`);
    assert.ok(Object.values(line).every(Number.isFinite));
  }
  assert.equal(new Set(metrics.map((line) => line["context_tokens"])).size, 1);
  const whole = JSON.parse((await Deno.readTextFile(join(run, "metrics.jsonl"))).split("\n")[5]!);
  assert.ok(whole.seconds > 0 && whole.images_per_second > 0 && whole.data_wait_fraction >= 0);
  const { origins, config } = JSON.parse(await Deno.readTextFile(join(run, "config.json")));
  assert.equal(origins["schedule.steps"], "--steps");
  assert.equal(origins["model.width"], "--set");
  assert.equal(origins["model.depth"], "preset smoke");
  assert.equal(origins["optimizer.beta2"], "default");
  assert.equal(config.run.batch, 8);
  const names = [...Deno.readDirSync(run)].map(({ name }) => name).sort();
  assert.deepEqual(names, [
    "checkpoints",
    "config.json",
    "metrics.jsonl",
    "receipt.json",
    "tensorboard",
  ]);
  const kept = [...Deno.readDirSync(join(run, "checkpoints"))].map(({ name }) => name).sort();
  assert.deepEqual(kept, ["step-00000056", "step-00000060"]);
});

Deno.test("pretrain is up to date when it is finished, and touches nothing", async () => {
  await small.uninterrupted();
  const run = small.reference;
  const times = async () => {
    const names = ["config.json", "metrics.jsonl", "receipt.json", FINAL];
    return await Promise.all(names.map(async (name) => (await Deno.stat(join(run, name))).mtime));
  };
  const before = await times();
  const { code, stdout } = await small.pretrain(run);
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).status, "up to date");
  assert.deepEqual(await times(), before);
});

Deno.test("pretrain refuses a run of another configuration", async () => {
  await small.uninterrupted();
  const run = small.reference;
  const { code, stderr } = await small.pretrain(run, [...SMALL, "--set", "model.depth=1"]);
  assert.equal(code, 73);
  assert.equal(
    stderr,
    `pretrain: Cannot go on with "${run}": it belongs to another configuration: model.depth is 2 there and 1 here, ` +
      "repeat the command that started it or give another --out\n",
  );
});

Deno.test("pretrain refuses a second process in the same run", async () => {
  const run = join(small.root, "locked");
  const first = spawnStage("pretrain", small.flagsFor(run));
  try {
    await stepsDone(run, 1);
    first.kill("SIGSTOP"); // It must not end meanwhile.
    const { code, stderr } = await small.pretrain(run);
    assert.equal(code, 73);
    assert.equal(
      stderr,
      `pretrain: Cannot write "${run}": another process (process ${first.pid}) is working on it, ` +
        "wait for it to end or give another --out\n",
    );
  } finally {
    first.kill("SIGKILL");
    await first.output();
  }
});

/** A refused command: exit code and message, and no run directory. */
async function refused(
  name: string,
  flags: readonly string[],
  wanted: { readonly code: number; readonly message: RegExp },
): Promise<void> {
  const run = join(small.root, name);
  const { code, stdout, stderr } = await runStage("pretrain", [
    ...flags,
    "--out",
    run,
  ]);
  assert.match(stderr, wanted.message);
  assert.equal(code, wanted.code);
  assert.equal(stdout, "");
  assert.equal(await exists(run), false);
}

const withShards = (
  ...flags: string[]
) => ["--shards", small.shards, "--preset", "smoke", ...flags];

Deno.test("pretrain refuses fewer images than one batch before it starts", async () => {
  await refused("few", withShards("--batch", "41"), {
    code: 2,
    message:
      /^pretrain: Cannot fill a batch: run\.batch is 41, but the shards hold 40 training images, set --batch to at most 40 or add images$/m,
  });
});

Deno.test("pretrain refuses --steps together with --epochs", async () => {
  await refused("both", withShards("--steps", "10", "--epochs", "2"), {
    code: 2,
    message: /^pretrain: .*gives both --steps and --epochs, keep one of them$/m,
  });
});

Deno.test("pretrain suggests the nearest preset, key and flag", async () => {
  await refused("preset", ["--shards", small.shards, "--preset", "smok"], {
    code: 2,
    message: /unknown value "smok" for --preset, did you mean "smoke"\?$/m,
  });
  await refused("key", withShards("--set", "model.widht=32"), {
    code: 2,
    message: /unknown key "model\.widht", did you mean "model\.width"\?$/m,
  });
  await refused("flag", withShards("--batchs", "8"), {
    code: 2,
    message: /unknown flag "--batchs", did you mean "--batch"\?$/m,
  });
});

Deno.test("pretrain refuses impossible geometry before the first step", async () => {
  await refused("patch", withShards("--set", "data.imageSize=30"), {
    code: 2,
    message:
      /data\.imageSize 30 is no multiple of model\.patchSize 8, set data\.imageSize to 24 or 32/,
  });
  await refused("keep", withShards("--set", "masks.minKeep=40"), {
    code: 2,
    message: /masks\.minKeep 40/,
  });
});

Deno.test("pretrain without --preset says which one fits the images, and goes on with the default", async () => {
  const shards = join(small.root, "sized-shards"), run = join(small.root, "proposed");
  const sizes = Array.from({ length: 8 }, () => [28, 30] as const);
  const files = await Promise.all(sizes.map((size, i) => pictureFile(i, size)));
  await writeShards(shards, files, { perShard: 8, sizes });
  // Damaged: the run ends before a ViT-S is compiled.
  const path = join(shards, "train-000000.tar");
  const bytes = await Deno.readFile(path);
  bytes[100]! ^= 1;
  await Deno.writeFile(path, bytes);
  const flags = ["--shards", shards, "--out", run, "--batch", "8"];
  const { code, stderr } = await runStage("pretrain", flags);
  assert.equal(code, 65, stderr);
  const proposal = describeProposal({ pixels: 28, images: 8 });
  assert.ok(stderr.split("\n").includes(`pretrain: ${proposal}`), stderr);
  const { origins } = JSON.parse(await Deno.readTextFile(join(run, "config.json")));
  assert.equal(origins["data.imageSize"], "preset vits16");
  const stated = await runStage("pretrain", [...flags, "--preset", "vits16"]);
  assert.equal(stated.code, 65, stated.stderr);
  assert.doesNotMatch(stated.stderr, /no --preset/);
});

Deno.test("pretrain says that there are no shards", async () => {
  const nowhere = join(small.root, "nowhere");
  await refused("none", ["--shards", nowhere, "--preset", "smoke"], {
    code: 66,
    message: new RegExp(
      `^pretrain: Cannot open the shards "${nowhere}": "${nowhere}/manifest.json" does not exist`,
      "m",
    ),
  });
});

async function copyOfShards(name: string): Promise<string> {
  const copy = join(small.root, name);
  await new Deno.Command("cp", { args: ["-r", small.shards, copy] }).output();
  return copy;
}

Deno.test("pretrain refuses a shard that is cut short, and one whose hash is wrong", async () => {
  const cut = await copyOfShards("cut-shards");
  await Deno.truncate(join(cut, "train-000001.tar"), 700);
  await refused("cut", ["--shards", cut, "--preset", "smoke"], {
    code: 65,
    message:
      /"\/.*\/cut-shards\/train-000001\.tar" has the wrong length: wanted \d+ bytes, got 700, run shard again$/m,
  });
  const changed = await copyOfShards("changed-shards");
  const path = join(changed, "train-000002.tar");
  const bytes = await Deno.readFile(path);
  bytes[100]! ^= 1;
  await Deno.writeFile(path, bytes);
  const { code, stderr } = await runStage("pretrain", [
    ...["--shards", changed, "--preset", "smoke", "--out", join(small.root, "changed")],
  ]);
  assert.equal(code, 65);
  assert.match(
    stderr,
    /^pretrain: Cannot use the shard ".*\/changed-shards\/train-000002\.tar": wanted SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}, run shard again$/m,
  );
});

Deno.test("pretrain fails on an image that does not decode, and never leaves it out", async () => {
  const broken = join(small.root, "broken-shards");
  const files = await Promise.all(Array.from({ length: 8 }, (_, i) => pictureFile(i, [20, 20])));
  files[6] = files[6]!.slice(0, 100);
  await writeShards(broken, files, { perShard: 8 });
  const { code, stderr } = await runStage("pretrain", [
    ...["--shards", broken, "--out", join(small.root, "broken"), "--preset", "smoke"],
  ]);
  assert.equal(code, 65, stderr);
  assert.match(
    stderr,
    /^pretrain: Cannot train on ".*\/broken-shards": sample "sample-6" \(from "sample-6\.png"\) in "train-000000\.tar" does not decode \(.*\), run shard again, which sets such images aside$/m,
  );
});

Deno.test("pretrain ends with 3 when the loss is no number, and leaves the good checkpoints", async () => {
  const run = join(small.root, "exploded");
  // Rate times decay multiplies the weights by up to ten thousand in each step.
  const settings = [
    "schedule.learningRate=100",
    "schedule.weightDecay=100",
    "schedule.finalWeightDecay=100",
    "schedule.warmupSteps=10",
    "schedule.startLearningRate=0",
  ];
  const { code, stderr } = await small.pretrain(run, [
    ...SMALL,
    ...settings.flatMap((setting) => ["--set", setting]),
  ]);
  assert.equal(code, 3, stderr);
  assert.match(
    stderr,
    /^pretrain: Training failed (at|after) step \d+: .*; checkpoints written before are untouched\. Start again in another --out with a lower schedule\.learningRate or a longer schedule\.warmupSteps$/m,
  );
});

Deno.test("pretrain refuses a runtime that it does not know", async () => {
  await refused("runtime", withShards("--runtime", "onx"), {
    code: 2,
    message: /unknown value "onx" for --runtime, did you mean "onnx"\?$/m,
  });
});

Deno.test("pretrain says that the place of the run is not writable", async () => {
  const file = join(small.root, "a-file");
  await Deno.writeTextFile(file, "");
  const { code, stderr } = await small.pretrain(join(file, "run"));
  assert.equal(code, 73);
  assert.equal(
    stderr,
    `pretrain: Cannot write "${file}/run": a part of the path is a file, not a directory, give another --out\n`,
  );
});
