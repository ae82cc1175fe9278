/** Other objectives, and batches in parts, through the stages. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readEncoder } from "../../lib/encoder/mod.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import { relativeError } from "../compare.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { runStage, spawnStage } from "../run_stage.ts";

const STEPS = 12;
const FLAGS = ["--preset", "smoke", "--steps", String(STEPS), "--threads", "1"];

let root = "";
Deno.test.beforeAll(async () => {
  root = await Deno.makeTempDir();
  const files = Array.from({ length: 24 }, (_, i) => pictureFile(i, [32, 32]));
  await writeShards(join(root, "shards"), await Promise.all(files), { perShard: 24 });
});
Deno.test.afterAll(async () => {
  await Deno.remove(root, { recursive: true });
});

function flagsOf(name: string, flags: readonly string[]): string[] {
  return ["--shards", join(root, "shards"), "--out", join(root, name), ...FLAGS, ...flags];
}

interface Trained {
  readonly stderr: string;
  /** Lines of metrics. */
  readonly metrics: readonly Record<string, number>[];
  readonly state: Uint8Array<ArrayBuffer>;
}

function statePath(name: string): string {
  return join(root, name, `checkpoints/step-${String(STEPS).padStart(8, "0")}/state.safetensors`);
}

async function train(name: string, flags: readonly string[] = []): Promise<Trained> {
  const { code, stderr } = await runStage("pretrain", flagsOf(name, flags));
  assert.equal(code, 0, stderr);
  const text = await Deno.readTextFile(join(root, name, "metrics.jsonl"));
  const metrics = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  return { stderr, metrics, state: await Deno.readFile(statePath(name)) };
}

function column(name: string, { metrics }: Trained): number[] {
  return metrics.map((line) => line[name]!);
}

Deno.test("pretrain --accumulate follows the run with whole batches, in smaller parts", async () => {
  const whole = await train("whole"), parts = await train("parts", ["--accumulate", "4"]);
  assert.match(parts.stderr, /24 images, 8 per step in 4 parts of 2, 12 steps/);
  for (const name of ["loss", "target_std", "target_cosine"]) {
    const error = relativeError(column(name, parts), column(name, whole));
    assert.ok(error < 1e-5, `${name}: off by ${error}`);
  }
  for (const name of ["lr", "weight_decay", "ema_momentum", "context_tokens", "target_tokens"]) {
    assert.deepEqual(column(name, parts), column(name, whole));
  }
});

/** Starts a run, and sends a signal once it has three steps. @returns how it ended */
async function endEarly(
  name: string,
  { flags, signal }: { readonly flags: readonly string[]; readonly signal: Deno.Signal },
): Promise<Deno.CommandOutput> {
  const process = spawnStage("pretrain", flagsOf(name, flags));
  for (;;) {
    const text = await Deno.readTextFile(join(root, name, "metrics.jsonl")).catch(() => "");
    if (text.split("\n").length > 3) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  process.kill(signal);
  return await process.output();
}

Deno.test("pretrain --accumulate goes on to the same bytes after a stop", async () => {
  const flags = ["--accumulate", "2", "--checkpoint-steps", "5"];
  const { state } = await train("at-once", flags);
  const { code, stderr } = await endEarly("stopped", { flags, signal: "SIGTERM" });
  assert.ok(code === 75 || code === 0, new TextDecoder().decode(stderr));
  assert.deepEqual((await train("stopped", flags)).state, state);
});

Deno.test("pretrain with a term and clipped gradients ends with the same bytes after a kill", async () => {
  const settings = ["regularizer=sigreg", "regularizerOn=tokens"].map((each) => `objective.${each}`)
    .concat("optimizer.clipNorm=0.5", "schedule.emaStart=0", "schedule.emaEnd=0");
  const flags = settings.flatMap((each) => ["--set", each]).concat("--checkpoint-steps", "2");
  const whole = await train("term", flags);
  assert.match(whole.stderr, /objective\.regularizerWeight=0\.05 \(regularizer sigreg\)/);
  assert.match(whole.stderr, /loss \d\.\d{4}, sigreg \d+\.?\d*, gradient \d+\.?\d*, /);
  for (const name of ["regularizer", "gradient_norm"]) {
    assert.ok(column(name, whole).every((value) => value > 0), name);
  }
  assert.ok(column("ema_momentum", whole).every((momentum) => momentum === 0));
  // Without momentum the target encoder is the encoder.
  const { tensors } = await readSafetensors(statePath("term"));
  assert.deepEqual(tensors["target_encoder.norm.weight"], tensors["encoder.norm.weight"]);
  const { signal } = await endEarly("killed", { flags, signal: "SIGKILL" });
  assert.equal(signal, "SIGKILL");
  const again = await train("killed", flags);
  assert.match(again.stderr, /going on after step \d/);
  assert.deepEqual(again.state, whole.state);
  for (const name of ["loss", "regularizer", "gradient_norm"]) {
    assert.deepEqual(column(name, again), column(name, whole));
  }
});

Deno.test("pretrain with pixel targets trains a predictor of pixels, and exports its encoder", async () => {
  const { metrics } = await train("pixels", ["--set", "objective.targets=pixels"]);
  assert.ok(metrics.at(-1)!["loss"]! < metrics[0]!["loss"]!);
  const { tensors } = await readSafetensors(statePath("pixels"));
  // 3 x 8 x 8 values of a patch from a predictor 16 wide.
  assert.deepEqual(tensors["predictor.predictor_proj.weight"]!.shape, [192, 16]);
  const out = join(root, "pixels-encoder");
  const flags = ["--run", join(root, "pixels"), "--out", out];
  const { code, stderr } = await runStage("checkpoint", flags);
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    (await readEncoder(out)).weights["norm.bias"],
    tensors["target_encoder.norm.bias"],
  );
});

Deno.test("objectives change the loss of the very first step, and only as they should", async () => {
  const first = async (name: string, setting: string) => {
    // Small weights, so that predictions begin near 0.
    const settings = ["--set", setting, "--set", "model.initStd=0.02"];
    const { metrics } = await train(name, settings);
    return metrics[0]!["loss"]!;
  };
  const method = await first("method", "objective.loss=smoothL1");
  const squared = await first("squared", "objective.loss=l2");
  const hidden = await first("hidden", "objective.targetMasking=input");
  // Targets have variance 1.
  assert.ok(Math.abs(squared - 1) < 0.01, `${squared}`);
  assert.ok(Math.abs(method - 0.4247) < 0.03 && method !== hidden, `${method} and ${hidden}`);
});
