import assert from "node:assert/strict";
import { join } from "node:path";
import { WALL_CLOCK_FIELDS } from "../../lib/run/mod.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { runStage, spawnStage, type StageResult } from "../run_stage.ts";
import { withSmallDisk } from "../small_disk.ts";
import { tool } from "../tools.ts";

const IMAGES = 40;
const STEPS = 60;
/** Small enough for thirty steps in a second, with masks of changing size and two epochs and a half per 12 steps. */
const SMALL = [
  ...["--preset", "smoke", "--steps", String(STEPS), "--batch", "8", "--checkpoint-steps", "4"],
  ...["--set", "data.imageSize=16", "--set", "model.patchSize=4", "--set", "model.width=16"],
  ...["--set", "data.horizontalFlip=true", "--threads", "1"],
];
const FINAL = `checkpoints/step-${String(STEPS).padStart(8, "0")}/state.safetensors`;

let root = "";
let shards = "";

Deno.test.beforeAll(async () => {
  root = await Deno.makeTempDir();
  shards = join(root, "shards");
  const files = Array.from({ length: IMAGES }, (_, i) => pictureFile(i, [20 + i % 9, 30 - i % 5]));
  await writeShards(shards, await Promise.all(files), { perShard: 15 });
});
Deno.test.afterAll(async () => {
  await Deno.remove(root, { recursive: true });
});

function flagsFor(out: string, more: readonly string[] = SMALL): string[] {
  return ["--shards", shards, "--out", out, ...more];
}

function pretrain(out: string, more?: readonly string[]): Promise<StageResult> {
  return runStage("pretrain", flagsFor(out, more));
}

async function linesIn(run: string): Promise<number> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl")).catch(() => "");
  return text.split("\n").length - 1;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Waits until the run has recorded so many steps. */
async function stepsDone(run: string, steps: number): Promise<void> {
  for (let tries = 0; await linesIn(run) < steps; tries++) {
    assert.ok(tries < 3000, `"${run}" never came to step ${steps}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Everything of a run that must not depend on when it was stopped: files, weights, metrics without wall clock. */
async function outcomeOf(run: string): Promise<object> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl"));
  const metrics = text.trimEnd().split("\n").map((line) => {
    const values = JSON.parse(line);
    for (const field of WALL_CLOCK_FIELDS) delete values[field];
    return values;
  });
  const checkpoints = [...Deno.readDirSync(join(run, "checkpoints"))].map(({ name }) => name);
  return {
    metrics,
    checkpoints: checkpoints.filter((name) => !name.startsWith("damaged-")).sort(),
    files: [...Deno.readDirSync(run)].map(({ name }) => name).sort(),
    config: await Deno.readTextFile(join(run, "config.json")),
    state: await Deno.readFile(join(run, FINAL)),
  };
}

let reference: Promise<object> | undefined;

/** The outcome of the same command when nothing happens to it. */
function uninterrupted(): Promise<object> {
  return reference ??= (async () => {
    const run = join(root, "uninterrupted");
    const { code, stdout, stderr } = await pretrain(run);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).status, "done");
    return await outcomeOf(run);
  })();
}

Deno.test("pretrain writes complete metrics, configuration with origins, checkpoints and a receipt", async () => {
  const { metrics } = await uninterrupted() as { metrics: Record<string, number>[] };
  const run = join(root, "uninterrupted");
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
    ]);
    assert.ok(Object.values(line).every(Number.isFinite));
  }
  assert.ok(new Set(metrics.map((line) => line["context_tokens"])).size > 1, "mask sizes change");
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
  await uninterrupted();
  const run = join(root, "uninterrupted");
  const times = async () => {
    const names = ["config.json", "metrics.jsonl", "receipt.json", FINAL];
    return await Promise.all(names.map(async (name) => (await Deno.stat(join(run, name))).mtime));
  };
  const before = await times();
  const { code, stdout } = await pretrain(run);
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).status, "up to date");
  assert.deepEqual(await times(), before);
});

Deno.test("pretrain killed by SIGKILL at random moments ends with the same bytes", async () => {
  const wanted = await uninterrupted();
  const run = join(root, "killed");
  const moments: string[] = [];
  // A third of the run is left at the last one: a kill must not come after the end.
  for (const share of [0, 0.1, 0.2, 0.35, 0.5]) {
    const process = spawnStage("pretrain", flagsFor(run));
    const steps = Math.floor(STEPS * (share + 0.15 * Math.random()));
    const wait = Math.random() * 20;
    moments.push(`${wait.toFixed(1)} ms after step ${steps}`);
    if (share > 0) await stepsDone(run, steps);
    await new Promise((resolve) => setTimeout(resolve, wait));
    process.kill("SIGKILL");
    const { signal } = await process.output();
    assert.equal(signal, "SIGKILL", `ended before it was killed ${moments.at(-1)}`);
  }
  const { code, stderr } = await pretrain(run);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^pretrain: going on after step \d+$/m);
  assert.deepEqual(await outcomeOf(run), wanted, `killed ${moments.join(", ")}`);
});

Deno.test("pretrain stopped by SIGTERM saves, exits with 75 and goes on to the same bytes", async () => {
  const wanted = await uninterrupted();
  const run = join(root, "stopped");
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const process = spawnStage("pretrain", flagsFor(run));
    const before = await linesIn(run);
    await stepsDone(run, before + 5);
    process.kill(signal);
    const { code, stdout, stderr } = await process.output();
    const text = new TextDecoder().decode(stderr);
    assert.equal(code, 75, text);
    assert.equal(stdout.length, 0);
    const [, steps] =
      /pretrain: Stopped after (\d+) of 60 steps, give the same command again to go on\n$/
        .exec(text)!;
    assert.equal(await linesIn(run), Number(steps));
    const checkpoint = `checkpoints/step-${steps!.padStart(8, "0")}/state.json`;
    assert.ok(await exists(join(run, checkpoint)));
  }
  assert.equal((await pretrain(run)).code, 0);
  assert.deepEqual(await outcomeOf(run), wanted);
});

Deno.test("pretrain names a damaged checkpoint and goes on from the one before, to the same bytes", async () => {
  const wanted = await uninterrupted();
  const run = join(root, "damaged");
  await new Deno.Command("cp", { args: ["-r", join(root, "uninterrupted"), run] }).output();
  await Deno.remove(join(run, "receipt.json"));
  await Deno.truncate(join(run, FINAL), 1000);
  const { code, stderr } = await pretrain(run);
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^pretrain: Cannot use the checkpoint ".*\/checkpoints\/step-00000060": state\.safetensors has the wrong length: wanted \d+ bytes, got 1000: renamed to ".*\/checkpoints\/damaged-step-00000060", going on from the one before$/m,
  );
  assert.match(stderr, /^pretrain: going on after step 56$/m);
  assert.deepEqual(await outcomeOf(run), wanted);
});

Deno.test("pretrain never starts again at 0 when all checkpoints are damaged", async () => {
  await uninterrupted();
  const run = join(root, "ruined");
  await new Deno.Command("cp", { args: ["-r", join(root, "uninterrupted"), run] }).output();
  for (const step of ["56", "60"]) {
    await Deno.truncate(join(run, `checkpoints/step-000000${step}/state.safetensors`), 9);
  }
  for (let again = 0; again < 2; again++) {
    const { code, stderr } = await pretrain(run);
    assert.equal(code, 65);
    assert.match(
      stderr,
      /^pretrain: Cannot go on with ".*": none of its checkpoints is valid \(.*\), restore one from a copy or give another --out to start from the beginning$/m,
    );
  }
  assert.equal(await linesIn(run), STEPS);
});

Deno.test("pretrain refuses a run of another configuration", async () => {
  await uninterrupted();
  const run = join(root, "uninterrupted");
  const { code, stderr } = await pretrain(run, [...SMALL, "--set", "model.depth=1"]);
  assert.equal(code, 73);
  assert.equal(
    stderr,
    `pretrain: Cannot go on with "${run}": it belongs to another configuration: model.depth is 2 there and 1 here, ` +
      "repeat the command that started it or give another --out\n",
  );
});

Deno.test("pretrain refuses a second process in the same run", async () => {
  const run = join(root, "locked");
  const first = spawnStage("pretrain", flagsFor(run));
  try {
    await stepsDone(run, 1);
    const { code, stderr } = await pretrain(run);
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
  const run = join(root, name);
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

const withShards = (...flags: string[]) => ["--shards", shards, "--preset", "smoke", ...flags];

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
  await refused("preset", ["--shards", shards, "--preset", "smok"], {
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

Deno.test("pretrain says that there are no shards", async () => {
  const nowhere = join(root, "nowhere");
  await refused("none", ["--shards", nowhere, "--preset", "smoke"], {
    code: 66,
    message: new RegExp(
      `^pretrain: Cannot open the shards "${nowhere}": "${nowhere}/manifest.json" does not exist`,
      "m",
    ),
  });
});

async function copyOfShards(name: string): Promise<string> {
  const copy = join(root, name);
  await new Deno.Command("cp", { args: ["-r", shards, copy] }).output();
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
    ...["--shards", changed, "--preset", "smoke", "--out", join(root, "changed")],
  ]);
  assert.equal(code, 65);
  assert.match(
    stderr,
    /^pretrain: Cannot use the shard ".*\/changed-shards\/train-000002\.tar": wanted SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}, run shard again$/m,
  );
});

Deno.test("pretrain fails on an image that does not decode, and never leaves it out", async () => {
  const broken = join(root, "broken-shards");
  const files = await Promise.all(Array.from({ length: 8 }, (_, i) => pictureFile(i, [20, 20])));
  files[6] = files[6]!.slice(0, 100);
  await writeShards(broken, files, { perShard: 8 });
  const { code, stderr } = await runStage("pretrain", [
    ...["--shards", broken, "--out", join(root, "broken"), "--preset", "smoke"],
  ]);
  assert.equal(code, 65, stderr);
  assert.match(
    stderr,
    /^pretrain: Cannot train on ".*\/broken-shards": sample "sample-6" \(from "sample-6\.png"\) in "train-000000\.tar" does not decode \(.*\), run shard again, which sets such images aside$/m,
  );
});

Deno.test("pretrain ends with 3 when the loss is no number, and leaves the good checkpoints", async () => {
  const run = join(root, "exploded");
  const flags = [
    ...SMALL,
    "--set",
    "schedule.learningRate=1e30",
    "--set",
    "schedule.warmupSteps=10",
  ];
  const { code, stderr } = await pretrain(run, [...flags, "--set", "schedule.startLearningRate=0"]);
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
  const file = join(root, "a-file");
  await Deno.writeTextFile(file, "");
  const { code, stderr } = await pretrain(join(file, "run"));
  assert.equal(code, 73);
  assert.equal(
    stderr,
    `pretrain: Cannot write "${file}/run": the place is not writable, give another --out or change its permissions\n`,
  );
});

Deno.test("pretrain on a full disk keeps the checkpoints it has, and goes on when there is space", async () => {
  const wanted = await uninterrupted();
  const disk = join(root, "disk");
  const { size } = await Deno.stat(join(root, "uninterrupted", FINAL));
  const kilobytes = Math.ceil(2.6 * size / 1024); // Two checkpoints and the start of a third.
  await withSmallDisk(disk, kilobytes, async () => {
    const run = join(disk, "run");
    const { code, stderr } = await pretrain(run);
    assert.equal(code, 73, stderr);
    assert.match(
      stderr,
      /^pretrain: Cannot write ".*\/checkpoints\/step-00000012": the disk is full, free some space and run the command again$/m,
    );
    const names = [...Deno.readDirSync(join(run, "checkpoints"))].map(({ name }) => name).sort();
    assert.deepEqual(names, ["step-00000004", "step-00000008"]);
    await tool("mount", ["-o", "remount,size=100m", disk]);
    const again = await pretrain(run);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(await outcomeOf(run), wanted);
  });
});
