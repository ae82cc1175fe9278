import assert from "node:assert/strict";
import { join } from "node:path";
import { readEncoder } from "../../lib/encoder/mod.ts";
import { sha256File } from "../../lib/files/mod.ts";
import { encodeSafetensors, readSafetensors } from "../../lib/formats/safetensors.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { writeRun } from "../encoder/made_run.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { runStage, type StageResult } from "../run_stage.ts";

const OFFICIAL = new URL("../fixtures/torch/official.pth.tar", import.meta.url).pathname;
/** The model of tests/encoder/made_run.ts, whose runs and exports others start from here. */
const SAME = [
  ...["--preset", "smoke", "--set", "data.imageSize=16", "--set", "model.patchSize=4"],
  ...["--set", "model.width=16", "--set", "model.depth=4"],
];
const SHORT = ["--batch", "4", "--steps", "6", "--checkpoint-steps", "3", "--threads", "1"];
/** Checkpoints of step 0 stay, so that they can be looked at. */
const KEPT = ["--set", "run.keepEvery=1", "--set", "schedule.warmupSteps=2"];

let root = "", shards = "", source = "", encoder = "";

Deno.test.beforeAll(async () => {
  root = await Deno.makeTempDir();
  shards = join(root, "shards");
  const files = Array.from({ length: 8 }, (_, i) => pictureFile(i, [20, 20]));
  await writeShards(shards, await Promise.all(files), { perShard: 8 });
  source = join(root, "source");
  await writeRun(source, [3, 5]);
  encoder = join(root, "encoder");
  const exported = await runStage("checkpoint", ["--run", source, "--out", encoder]);
  assert.equal(exported.code, 0, exported.stderr);
});
Deno.test.afterAll(async () => {
  await Deno.remove(root, { recursive: true });
});

function pretrain(out: string, ...more: readonly string[]): Promise<StageResult> {
  const flags = ["--shards", shards, "--out", join(root, out), ...SHORT, ...KEPT, ...more];
  return runStage("pretrain", flags);
}

function statePath(out: string, step: number): string {
  return join(root, out, `checkpoints/step-0000000${step}/state.safetensors`);
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("pretrain --init-from an exported encoder starts with its bytes in both networks, and exports them again", async () => {
  const { code, stderr } = await pretrain("from-encoder", ...SAME, "--init-from", encoder);
  assert.equal(code, 0, stderr);
  const file = join(encoder, "model.safetensors");
  assert.ok(
    stderr.includes(
      `pretrain: starting from "${file}": 53 tensors to the encoder, the same to the target encoder, ` +
        "none to the predictor, which is new\n",
    ),
    stderr,
  );
  const { weights } = await readEncoder(encoder);
  const { tensors } = await readSafetensors(statePath("from-encoder", 0));
  for (const [name, tensor] of Object.entries(weights)) {
    assert.deepEqual(tensors[`encoder.${name}`], tensor, name);
    assert.deepEqual(tensors[`target_encoder.${name}`], tensor, name);
  }
  const record = JSON.parse(await Deno.readTextFile(join(root, "from-encoder/config.json")));
  assert.deepEqual(record.initFrom, { path: encoder, file, sha256: await sha256File(file) });

  const again = join(root, "encoder-again");
  const flags = ["--run", join(root, "from-encoder"), "--out", again, "--step", "0"];
  const exported = await runStage("checkpoint", flags);
  assert.equal(exported.code, 0, exported.stderr);
  assert.deepEqual((await readEncoder(again)).weights, weights);
  const card = await Deno.readTextFile(join(again, "README.md"));
  assert.match(card, /before its first step \(step 0\): the weights that it started from/);
  assert.ok(card.includes(`| started from, SHA-256 | encoder, \`${record.initFrom.sha256}\` |`));
});

Deno.test("pretrain --init-from an encoder with another epsilon of LayerNorms says so and goes on", async () => {
  const other = join(root, "epsilon");
  await Deno.mkdir(other);
  await Deno.copyFile(join(encoder, "model.safetensors"), join(other, "model.safetensors"));
  const config = JSON.parse(await Deno.readTextFile(join(encoder, "config.json")));
  delete config.layer_norm_eps; // transformers then takes 1e-12
  await Deno.writeTextFile(join(other, "config.json"), JSON.stringify(config));
  const { code, stderr } = await pretrain("from-epsilon", ...SAME, "--init-from", other);
  assert.equal(code, 0, stderr);
  assert.ok(
    stderr.includes(
      `pretrain: layer_norm_eps of "${other}" is 1e-12, this run's 0.000001 takes its place\n`,
    ),
    stderr,
  );
});

Deno.test("pretrain --init-from a run takes all networks of its newest valid checkpoint", async () => {
  const { code, stderr } = await pretrain("from-run", ...SAME, "--init-from", source);
  assert.equal(code, 0, stderr);
  const { tensors } = await readSafetensors(statePath("from-run", 0));
  const { tensors: theirs } = await readSafetensors(
    join(source, "checkpoints/step-00000005/state.safetensors"),
  );
  for (const [name, tensor] of Object.entries(tensors)) {
    if (!name.startsWith("moment")) assert.deepEqual(tensor, theirs[name], name);
    else assert.ok(tensor.data.every((value) => value === 0), name);
  }
});

Deno.test("pretrain --init-from an official .pth.tar trains", async () => {
  const { code, stderr } = await pretrain(
    "from-official",
    ...["--preset", "smoke", "--set", "data.imageSize=16", "--set", "model.patchSize=4"],
    ...["--set", "model.width=8", "--set", "model.depth=1", "--set", "model.predictorWidth=4"],
    ...["--set", "model.predictorHeads=1", "--init-from", OFFICIAL],
  );
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /17 tensors to the target encoder, 20 tensors to the predictor; "module\." stripped/,
  );
});

Deno.test("pretrain --init-from goes on without the file, and not with another one", async () => {
  const weights = join(root, "weights.safetensors");
  await Deno.copyFile(join(encoder, "model.safetensors"), weights);
  const flags = [...SAME, "--init-from", weights];
  assert.equal((await pretrain("reference", ...flags)).code, 0);
  assert.equal((await pretrain("stopped", ...flags)).code, 0);
  // As if it had been killed right after its start, and the file were removed.
  for (const name of ["checkpoints/step-00000003", "checkpoints/step-00000006", "receipt.json"]) {
    await Deno.remove(join(root, "stopped", name), { recursive: true });
  }
  const bytes = await Deno.readFile(weights);
  await Deno.remove(weights);
  const { code, stderr } = await pretrain("stopped", ...flags);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /going on after step 0$/m);
  assert.doesNotMatch(stderr, /starting from/);
  assert.deepEqual(
    await Deno.readFile(statePath("stopped", 6)),
    await Deno.readFile(statePath("reference", 6)),
  );

  const run = join(root, "stopped"),
    hash = (await sha256File(join(encoder, "model.safetensors"))).slice(0, 12);
  const refused = async (there: string, here: string, ...more: readonly string[]) => {
    const { code, stderr } = await pretrain("stopped", ...SAME, ...more);
    assert.equal(code, 73, stderr);
    assert.equal(
      stderr,
      `pretrain: Cannot go on with "${run}": it belongs to another configuration: --init-from is ${there} there ` +
        `and ${here} here, repeat the command that started it or give another --out\n`,
    );
  };
  await refused(hash, "not set");
  const other = encodeSafetensors({ x: floatTensor([1]) });
  await Deno.writeFile(weights, other);
  await refused(hash, (await sha256File(weights)).slice(0, 12), "--init-from", weights);
  // The same bytes elsewhere are the same start.
  const moved = join(root, "moved.safetensors");
  await Deno.writeFile(moved, bytes);
  assert.equal((await pretrain("stopped", ...SAME, "--init-from", moved)).code, 0);
});

Deno.test("pretrain --init-from a run goes on when that run has newer checkpoints by now, and its own start cannot be made up", async () => {
  const growing = join(root, "growing");
  await writeRun(growing, [3]);
  const flags = [...SAME, "--init-from", growing];
  assert.equal((await pretrain("follower", ...flags)).code, 0);
  await writeRun(growing, [5]);
  const { code, stdout, stderr } = await pretrain("follower", ...flags);
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout).status, "up to date");
  // Those weights cannot be made again, so the random ones must not take their place.
  const run = join(root, "follower");
  await Deno.remove(join(run, "checkpoints/step-00000000"), { recursive: true });
  const again = ["--run", run, "--out", join(root, "start"), "--step", "0"];
  const exported = await runStage("checkpoint", again);
  assert.equal(exported.code, 66);
  assert.equal(
    exported.stderr,
    `checkpoint: Cannot open the run "${run}": it has no checkpoint of step 0, there are: 3, 6\n`,
  );
});

Deno.test("pretrain --init-from refuses what does not fit before there is a run", async () => {
  const refused = async (
    path: string,
    { code: wantedCode, message }: { readonly code: number; readonly message: string },
    ...more: readonly string[]
  ) => {
    const { code, stderr } = await pretrain("refused", ...SAME, "--init-from", path, ...more);
    assert.equal(stderr, `pretrain: ${message}\n`);
    assert.equal(code, wantedCode);
    assert.equal(await isThere(join(root, "refused")), false);
  };
  const nowhere = join(root, "nowhere");
  await refused(nowhere, {
    code: 66,
    message: `Cannot start from "${nowhere}": it does not exist, check --init-from`,
  });
  const kinds =
    "give a run, a directory with config.json and model.safetensors, or a file of weights";
  await Deno.mkdir(join(root, "empty"));
  await Deno.writeTextFile(join(root, "empty/config.json"), "{}");
  await refused(join(root, "empty"), {
    code: 65,
    message: `Cannot start from "${
      join(root, "empty")
    }": the directory has no model.safetensors, ${kinds}`,
  });
  await writeRun(join(root, "young"), []);
  await refused(join(root, "young"), {
    code: 65,
    message: `Cannot start from "${join(root, "young")}": the run has no checkpoint yet, ${kinds}`,
  });
  await refused(
    encoder,
    {
      code: 65,
      message: `Cannot start from "${encoder}": its encoder has 2 heads, wanted 4, ` +
        "set model.heads to 2 or give other weights",
    },
    "--set",
    "model.heads=4",
  );
  await refused(
    encoder,
    {
      code: 65,
      message: `Cannot start from "${encoder}/model.safetensors": ` +
        "encoder.layer.3.attention.attention.key.bias [16] has no place, encoder.layer.3.attention.attention.key.weight [16 16] " +
        "has no place, encoder.layer.3.attention.attention.query.bias [16] has no place and 13 more do not fit, " +
        "give weights of this model or set model.* to their sizes",
    },
    "--set",
    "model.depth=3",
  );
});
