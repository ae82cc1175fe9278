import assert from "node:assert/strict";
import { join } from "node:path";
import { asOrdinaryUser } from "../ordinary_user.ts";
import { ROOT, spawnStage, stageArguments } from "../run_stage.ts";
import { reportOf } from "./report_of.ts";
import {
  exists,
  FINAL,
  linesIn,
  outcomeOf,
  SmallPretraining,
  STEPS,
  stepsDone,
} from "./small_pretraining.ts";
import { withSmallDisk } from "../small_disk.ts";
import { tool } from "../tools.ts";

let small: SmallPretraining;
Deno.test.beforeAll(async () => {
  small = await SmallPretraining.create();
});
Deno.test.afterAll(() => small[Symbol.asyncDispose]());

Deno.test("pretrain killed by SIGKILL at random moments ends with the same bytes", async () => {
  const wanted = await small.uninterrupted();
  const run = join(small.root, "killed");
  const moments: string[] = [];
  // A third of the run is left at the last one: a kill must not come after the end.
  for (const share of [0, 0.1, 0.2, 0.35, 0.5]) {
    const process = spawnStage("pretrain", small.flagsFor(run));
    const steps = Math.floor(STEPS * (share + 0.15 * Math.random()));
    const wait = Math.random() * 20;
    moments.push(`${wait.toFixed(1)} ms after step ${steps}`);
    if (share > 0) await stepsDone(run, steps);
    await new Promise((resolve) => setTimeout(resolve, wait));
    process.kill("SIGKILL");
    const { signal } = await process.output();
    assert.equal(signal, "SIGKILL", `ended before it was killed ${moments.at(-1)}`);
  }
  const { code, stderr } = await small.pretrain(run);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^pretrain: going on after step \d+$/m);
  assert.deepEqual(await outcomeOf(run), wanted, `killed ${moments.join(", ")}`);
});

Deno.test("pretrain stopped by a signal saves, exits with 75 and goes on to the same bytes", async () => {
  const wanted = await small.uninterrupted();
  const run = join(small.root, "stopped");
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    const process = spawnStage("pretrain", small.flagsFor(run));
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
  assert.equal((await small.pretrain(run)).code, 0);
  assert.deepEqual(await outcomeOf(run), wanted);
});

Deno.test("pretrain names a damaged checkpoint and goes on from the one before, to the same bytes", async () => {
  const wanted = await small.uninterrupted();
  const run = await small.copyOfRun("damaged");
  await Deno.remove(join(run, "receipt.json"));
  await Deno.truncate(join(run, FINAL), 1000);
  const { code, stderr } = await small.pretrain(run);
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^pretrain: Cannot use the checkpoint ".*\/checkpoints\/step-00000060": state\.safetensors has the wrong length: wanted \d+ bytes, got 1000: renamed to ".*\/checkpoints\/damaged-step-00000060", going on from the one before$/m,
  );
  assert.match(stderr, /^pretrain: going on after step 56$/m);
  assert.deepEqual(await outcomeOf(run), wanted);
});

Deno.test("pretrain never starts again at 0 when all checkpoints are damaged", async () => {
  const run = await small.copyOfRun("ruined");
  for (const step of ["56", "60"]) {
    await Deno.truncate(join(run, `checkpoints/step-000000${step}/state.safetensors`), 9);
  }
  for (let again = 0; again < 2; again++) {
    const { code, stderr } = await small.pretrain(run);
    assert.equal(code, 65);
    assert.match(
      stderr,
      /^pretrain: Cannot go on with ".*": none of its checkpoints is valid \(.*\), restore one from a copy or give another --out to start from the beginning$/m,
    );
  }
  assert.equal(await linesIn(run), STEPS);
});

Deno.test("pretrain on a full disk keeps the checkpoints it has, and goes on when there is space", async () => {
  const wanted = await small.uninterrupted();
  const disk = join(small.root, "disk");
  const { size } = await Deno.stat(join(small.reference, FINAL));
  const kilobytes = Math.ceil(2.6 * size / 1024); // Two checkpoints and the start of a third.
  await withSmallDisk(disk, kilobytes, async () => {
    const run = join(disk, "run");
    const { code, stderr } = await small.pretrain(run);
    assert.equal(code, 73, stderr);
    assert.match(
      stderr,
      /^pretrain: Cannot write ".*\/checkpoints\/step-00000012": the disk is full, free some space and run the command again$/m,
    );
    const names = [...Deno.readDirSync(join(run, "checkpoints"))].map(({ name }) => name).sort();
    assert.deepEqual(names, ["step-00000004", "step-00000008"]);
    await tool("mount", ["-o", "remount,size=100m", disk]);
    const again = await small.pretrain(run);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(await outcomeOf(run), wanted);
  });
});

Deno.test("pretrain stopped before its first step ends at once, with 75, and starts again", async () => {
  const wanted = await small.uninterrupted();
  const run = join(small.root, "early");
  const process = spawnStage("pretrain", small.flagsFor(run));
  const stderr = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await stderr.read()).value!, /^pretrain: 40 images/);
  process.kill("SIGTERM");
  let text = "";
  for (let next = await stderr.read(); !next.done; next = await stderr.read()) text += next.value;
  await process.stdout.cancel();
  const { code } = await process.status;
  assert.equal(code, 75, text);
  assert.match(
    text,
    /pretrain: Stopped (before the first step|after \d+ of 60 steps), give the same command again to go on\n$/,
  );
  assert.equal((await small.pretrain(run)).code, 0);
  assert.deepEqual(await outcomeOf(run), wanted);
});

Deno.test("pretrain goes on with a run that an earlier version began, beside a log and with bad metrics", async () => {
  const wanted = await small.uninterrupted() as { readonly files: readonly string[] };
  const run = await small.copyOfRun("earlier");
  await Deno.remove(join(run, "receipt.json"));
  await Deno.remove(join(run, "checkpoints/step-00000060"), { recursive: true });
  const path = join(run, "config.json");
  const record = JSON.parse(await Deno.readTextFile(path));
  delete record.config.objective.loss;
  await Deno.writeTextFile(path, JSON.stringify(record));
  await Deno.writeTextFile(join(run, "slurm-4711.out"), "");
  const metrics = join(run, "metrics.jsonl");
  await Deno.writeTextFile(metrics, "{]\n" + await Deno.readTextFile(metrics));
  const { code, stderr } = await small.pretrain(run);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /which did not know objective\.loss: taken as the default$/m);
  assert.match(stderr, /^pretrain: going on after step 56$/m);
  const files = [...wanted.files, "slurm-4711.out"].sort();
  assert.deepEqual(await outcomeOf(run), { ...wanted, files });
});

Deno.test("pretrain does not go on with a run whose contexts followed the batch; it can be exported", async () => {
  const run = await small.copyOfRun("former");
  await Deno.remove(join(run, "receipt.json"));
  await Deno.remove(join(run, "checkpoints/step-00000060"), { recursive: true });
  const config = join(run, "config.json"),
    state = join(run, "checkpoints/step-00000056/state.json");
  const [record, saved] = [await Deno.readTextFile(config), await Deno.readTextFile(state)]
    .map((text) => JSON.parse(text));
  record.config.masks.contextKeepFraction = 1;
  delete record.config.masks.targetPlacement;
  saved.values["masks.contextKeepFraction"] = "1";
  delete saved.values["masks.targetPlacement"];
  await Deno.writeTextFile(config, JSON.stringify(record));
  await Deno.writeTextFile(state, JSON.stringify(saved));
  const { code, stderr } = await small.pretrain(run);
  assert.equal(code, 73, stderr);
  assert.match(
    stderr,
    /^pretrain: Cannot go on with ".*former": an earlier version began it with contexts as long as each batch allowed \(masks\.contextKeepFraction 1\), .*, go on with that version or give another --out; .*\n$/,
  );
  assert.equal(await Deno.readTextFile(config), JSON.stringify(record));
  assert.deepEqual([...Deno.readDirSync(join(run, "checkpoints"))].length, 1);
  const out = join(small.root, "former-encoder");
  const exported = await reportOf("checkpoint", ["--run", run, "--out", out], { hide: small.root });
  assert.equal(exported.code, 0, exported.stderr);
  assert.equal(exported.result.step, 56);
});

Deno.test("pretrain is up to date in a finished run that may only be read", async () => {
  const prefix = await asOrdinaryUser();
  if (prefix === undefined) return;
  const run = await small.copyOfRun("archived");
  await new Deno.Command("chmod", { args: ["-R", "a-w", run] }).output();
  const flags = small.flagsFor(run);
  const { code, result, stderr } = await reportOf("pretrain", flags, { prefix, hide: run });
  await new Deno.Command("chmod", { args: ["-R", "u+w", run] }).output();
  assert.deepEqual([code, stderr], [0, 'pretrain: "S" is up to date\n']);
  assert.equal(result.status, "up to date");
  assert.equal(result.steps, STEPS);
  assert.ok(result.loss > 0);
});

Deno.test("pretrain trains on when its log is full, and when nobody reads it", async () => {
  const wanted = await small.uninterrupted();
  for (
    const [name, redirection] of [["full", "2>/dev/full"], [
      "unread",
      "2>&1 >/dev/null | true",
    ]] as const
  ) {
    const run = join(small.root, name);
    const args = [...stageArguments("pretrain"), ...small.flagsFor(run)];
    const command = `"$0" "$@" ${redirection}`;
    await new Deno.Command("sh", { args: ["-c", command, Deno.execPath(), ...args], cwd: ROOT })
      .output();
    assert.deepEqual(await outcomeOf(run), wanted, name);
  }
});
