/** Real runs that collapse and that do not: what is said, and `--stop-on-collapse`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { outcomeOf, SmallPretraining } from "./small_pretraining.ts";

const STEPS = 100;
const FLAGS = [
  ...["--preset", "smoke", "--steps", String(STEPS), "--batch", "8", "--checkpoint-steps", "20"],
  ...["--set", "data.imageSize=16", "--set", "model.patchSize=4", "--set", "model.width=16"],
  ...["--set", "model.initStd=0.18", "--set", "schedule.learningRate=1e-4", "--threads", "1"],
];
const HEALTHY = [...FLAGS, "--set", "model.patchEmbedStd=0.08"];
/** Patches hardly count beside their positions, and the rate is too low for that to change. */
const COLLAPSED = [...FLAGS, "--set", "model.patchEmbedStd=0.002"];

const VALUES =
  /\(mean cosine (0\.99\d|1\.00), deviation 0\.0\d+, effective rank 1\.\d of 8\)/.source;
const ADVICE =
  "model.patchEmbedStd=0.002 is small for patches of 4 px, start again in another --out with " +
  "--set model.patchEmbedStd=0.08 or --set objective.regularizer=vicreg";

let small: SmallPretraining;
Deno.test.beforeAll(async () => {
  small = await SmallPretraining.create();
});
Deno.test.afterAll(() => small[Symbol.asyncDispose]());

async function columnOf(run: string, name: string): Promise<number[]> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl"));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line)[name])
    .filter((value) => value !== undefined);
}

Deno.test("pretrain says nothing of a collapse where there is none, and is not stopped", async () => {
  const run = join(small.root, "healthy");
  const { code, stderr } = await small.pretrain(run, [...HEALTHY, "--stop-on-collapse"]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /collapse;|near zero/);
  assert.equal((await columnOf(run, "target_rank")).length, STEPS / 10);
  assert.ok((await columnOf(run, "target_cosine")).every((cosine) => cosine < 0.98));
});

Deno.test("pretrain warns of a collapse and goes on; --stop-on-collapse ends it with 3, and it can go on", async () => {
  const whole = join(small.root, "collapsed"), stopped = join(small.root, "stopped");
  const warned = await small.pretrain(whole, COLLAPSED);
  assert.equal(warned.code, 0, warned.stderr);
  const warning = `^pretrain: step 14: the targets hardly differ between images ${
    VALUES.replace(", effective rank 1\\.\\d of 8", "")
  }, a sign of collapse; ${ADVICE}$`;
  assert.match(warned.stderr, new RegExp(warning, "m"));
  assert.ok((await columnOf(whole, "target_rank")).every((rank) => rank >= 1 && rank < 1.5));

  const ended = await small.pretrain(stopped, [...COLLAPSED, "--stop-on-collapse"]);
  assert.equal(ended.code, 3, ended.stderr);
  assert.equal(ended.stdout, "");
  assert.match(
    ended.stderr,
    new RegExp(
      `^pretrain: Stopped after 65 of 100 steps: since step 14 the targets hardly differ between images ${VALUES}; ` +
        `a checkpoint is written, and the same command without --stop-on-collapse goes on; ${ADVICE}$`,
      "m",
    ),
  );
  const names = [...Deno.readDirSync(join(stopped, "checkpoints"))].map(({ name }) => name);
  assert.deepEqual(names.sort(), ["step-00000060", "step-00000065"]);

  const gone = await small.pretrain(stopped, COLLAPSED);
  assert.equal(gone.code, 0, gone.stderr);
  assert.match(gone.stderr, /^pretrain: going on after step 65$/m);
  assert.deepEqual(await outcomeOf(stopped, STEPS), await outcomeOf(whole, STEPS));
});
