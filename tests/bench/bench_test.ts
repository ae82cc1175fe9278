/** The benchmark's numbers and files. No test looks at how fast anything was. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  expectAgreement,
  ours,
  peer,
  PYTHON_FOLDER,
  type Run,
  runForJson,
} from "../../bench/contestants.ts";
import { quietRounds } from "../../bench/measures.ts";
import { parseTicks } from "../../bench/quiet.ts";
import { machineSlug, newRunPath, resultTable } from "../../bench/results.ts";
import { median, peerReached, reached } from "../../bench/statistics.ts";
import { writeLoaderWork } from "../../bench/loader/work.ts";
import { type StepCase, writeStepWork } from "../../bench/step/cases.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { openShards } from "../../lib/data/mod.ts";
import { Failure } from "../../lib/failure.ts";
import { withFolder } from "../folder.ts";
import { ROOT } from "../run_stage.ts";
import { tool } from "../tools.ts";

const read = (path: string) => Deno.readTextFile(path).catch(() => undefined);
/** An environment of other packages would not do. */
const HAS_PEERS = await read(join(PYTHON_FOLDER, "requirements.txt")) ===
  await read(join(ROOT, "bench/peers/requirements.txt"));

function run(seconds: readonly number[], peak: number): Run {
  return {
    first_result_at: 0,
    seconds,
    warm_up_seconds: [],
    peak_memory_bytes: peak,
    check: [],
    library: "made up",
    first_useful_step_seconds: 2 * seconds[0]!,
    other_cores: [0, 0],
  };
}

async function bench(...flags: readonly string[]) {
  const args = [...denoJson.tasks.bench.command.split(" ").slice(1), ...flags];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

Deno.test("median() takes the middle, or the mean of both middles", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([8, 1, 2, 4]), 3);
  assert.throws(() => median([]), new RangeError("Cannot take a median: wanted values, got none"));
});

Deno.test("peerReached() compares round by round", () => {
  const our = [run([1, 2, 3], 100), run([4, 4, 4], 200), run([2, 2, 2], 150)];
  const theirs = [run([2, 4, 9], 300), run([5, 5, 6], 250), run([8, 8, 8], 260)];
  const products = { flops: [16e9, 16e9, 16e9], gemmLimits: [8, 8, 4] };
  const work = { images: 8, products };
  assert.deepEqual(peerReached(theirs, our, work), {
    images_per_second: 1.6,
    gflops: 3.2,
    gemm_share: 0.5,
    peak_memory_bytes: 300,
    first_useful_step_seconds: 10,
    library: "made up",
    ratios: [2, 1.25, 4],
    ratio: 2,
  });
});

Deno.test("reached() has no rate of products where the work is something else", () => {
  const { gflops, gemm_share, images_per_second } = reached([run([1, 2, 4], 100)], { images: 8 });
  assert.deepEqual([gflops, gemm_share, images_per_second], [null, null, 4]);
});

Deno.test("resultTable() leaves cells empty that a measure does not have", () => {
  const our = reached([run([1, 2, 4], 2e6)], { images: 8 });
  const table = resultTable({
    measure: "loader",
    case: "256px",
    quick: false,
    threads: 2,
    pairs: 1,
    quiet_pairs: 1,
    gemm_limit_gflops: null,
    ...our,
    peers: { other: { ...our, ratios: [1.5], ratio: 1.5 } },
  });
  assert.deepEqual(table.split("\n"), [
    "loader 256px, 2 threads, 1 of 1 rounds quiet",
    "       images/s  GFLOP/s  share  peak  first s  ours is times as fast",
    "ours   4.0       -        -      2 MB  2.0",
    "other  4.0       -        -      2 MB  2.0      1.50 (1.50)",
  ]);
});

Deno.test("quietRounds() are those in which others took nothing before and after any run", () => {
  const other = (before: number | null, after: number | null): Run => ({
    ...run([1], 1),
    other_cores: [before, after],
  });
  const our = [other(0.02, 0.1), other(0, 0), other(0, 0), other(null, null)];
  const eager = [other(0.1, 0.25), other(0, 0.3), other(1.4, 0), other(null, null)];
  assert.deepEqual(quietRounds({ ours: our, eager }), [0, 3]);
});

Deno.test("parseTicks() counts all but idle time and waiting for disks as busy", () => {
  const line = "cpu  100 10 30 800 50 1 2 7 40 0\n";
  assert.deepEqual(parseTicks(line), { busy: 150, total: 1000 });
});

Deno.test("expectAgreement() refuses a contestant that does not compute the same", () => {
  const first = { ...run([1], 1), check: [1, 0.5] };
  const close = { ...first, check: [1.00005, 0.5] };
  expectAgreement({ ours: [first, first], eager: [close] }, 1e-4);
  const other = { ...first, check: [1, 0.6] };
  assert.throws(
    () => expectAgreement({ ours: [first], eager: [close, other] }, 1e-4),
    new Failure(
      "data",
      'Cannot compare "eager" with "ours": wanted 0.5 of repetition 1, got 0.6, they do not compute ' +
        "the same",
    ),
  );
});

Deno.test("machineSlug() keeps what tells processors apart", () => {
  const slug = (processor: string) => machineSlug({ processor, cores: 2 });
  assert.equal(
    slug("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"),
    "intel-xeon-platinum-8481c-2-cores",
  );
  assert.equal(slug("Intel(R) Xeon(R) Processor"), "intel-xeon-2-cores");
  assert.equal(slug("AMD EPYC 7763 64-Core Processor"), "amd-epyc-7763-2-cores");
  assert.equal(slug("Apple M2"), "apple-m2-2-cores");
});

Deno.test("newRunPath() never gives the path of a file that is there", async () => {
  await withFolder(async (folder) => {
    const machine = { processor: "Apple M2", cores: 8, memory_bytes: 0, system: "" };
    const now = new Date("2026-01-02T03:04:05Z");
    const first = await newRunPath(folder, machine, now);
    assert.equal(first, join(folder, "2026-01-02-apple-m2-8-cores.json"));
    await Deno.writeTextFile(first, "");
    assert.equal(await newRunPath(folder, machine, now), first.replace(".json", "-2.json"));
  });
});

Deno.test("bench refuses a measure that it does not know", async () => {
  const { code, stderr } = await bench("stepp");
  assert.equal(code, 1);
  assert.equal(stderr, 'bench: Cannot measure "stepp", did you mean "step"?\n');
});

Deno.test("bench refuses a case that none of its measures has, before it measures any", async () => {
  const { code, stdout, stderr } = await bench(
    "step",
    "features",
    "--case",
    "32px",
    "--case",
    "nothing",
  );
  assert.deepEqual([code, stdout], [1, ""]);
  assert.equal(
    stderr,
    'bench: Cannot measure --case "nothing" of step, features, ' +
      'expected one of "32px", "vits16-224px"\n',
  );
  assert.match((await bench("chek")).stderr, /did you mean "check"\?/);
});

Deno.test("bench --help names every measure and flag, and measures nothing", async () => {
  const { code, stdout } = await bench("step", "--help");
  assert.equal(code, 0);
  const words =
    "step features loader probe start-up growth overhead check --pairs --threads --case";
  for (const word of words.split(" ")) assert.ok(stdout.includes(word), word);
});

Deno.test("bench step --quick --alone prints a line per case and keeps all that it measured", async () => {
  await withFolder(async (folder) => {
    const out = join(folder, "bench.json");
    const flags = ["step", "--quick", "--alone", "--case", "32px", "--threads", "1", "--out", out];
    const { code, stdout, stderr } = await bench(...flags);
    assert.equal(code, 0, stderr);
    const line = JSON.parse(stdout);
    assert.deepEqual(Object.keys(line).sort(), [
      "case",
      "first_useful_step_seconds",
      "gemm_limit_gflops",
      "gemm_share",
      "gflops",
      "images_per_second",
      "library",
      "measure",
      "pairs",
      "peak_memory_bytes",
      "peers",
      "quick",
      "quiet_pairs",
      "threads",
    ]);
    const { measure, case: name, quick, threads, pairs, peers } = line;
    assert.deepEqual([measure, name, quick, threads, pairs, peers], [
      "step",
      "32px",
      true,
      1,
      1,
      {},
    ]);

    const record = JSON.parse(await Deno.readTextFile(out));
    assert.deepEqual([record.format, record.version], ["ijepa-bench", 1]);
    assert.equal(record.command, ["deno task bench", ...flags].join(" "));
    const commit = await tool("git", ["-C", ROOT, "rev-parse", "HEAD"]);
    assert.equal(record.commit, commit?.trim() ?? null);
    assert.deepEqual(Object.keys(record.machine), ["processor", "cores", "memory_bytes", "system"]);
    const [{ result, runs, details }] = record.measures;
    assert.deepEqual(result, line);
    const [{ seconds, warm_up_seconds, check }] = runs.ours;
    assert.deepEqual([seconds.length, warm_up_seconds.length, check.length], [2, 1, 3]);
    assert.deepEqual(details.flops_per_repetition, [75_360_632_832, 75_360_632_832]);
    // The line follows from what is kept.
    assert.equal(line.images_per_second, 64 / ((seconds[0] + seconds[1]) / 2));
    const [{ one_session_gflops: one, session_per_thread_gflops: each }] = details.products;
    assert.equal(line.gemm_share, line.gflops / Math.max(one, each));
    assert.ok(runs.ours[0].first_useful_step_seconds > warm_up_seconds[0]);
  });
});

/** A step of a toy model, with masks whose sizes change. */
const TOY: StepCase = {
  name: "toy",
  step: {
    model: {
      encoder: { imageSize: [16, 16], patchSize: 4, width: 16, depth: 2, heads: 2, mlpWidth: 64 },
      predictor: { width: 8, outputWidth: 16, depth: 1, heads: 2, mlpWidth: 32 },
    },
    objective: { targets: "representations", targetMasking: "output", loss: "smoothL1" },
    batch: 2,
    accumulate: 1,
    targetBlocks: 2,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  },
  timedSteps: 4,
  masksOf(step) {
    const contextTokens = 5 + step % 2, targetTokens = 3;
    const indices = (count: number) => Int32Array.from({ length: count }, (_, i) => (7 * i) % 16);
    return {
      contextTokens,
      targetTokens,
      context: indices(2 * contextTokens),
      targets: indices(4 * targetTokens),
    };
  },
};

Deno.test("writeLoaderWork() packs the very files that peers read", async () => {
  await withFolder(async (folder) => {
    const sizes = { images: 6, batch: 2, pixels: 32 };
    const run = { workers: 1, cacheBytes: 0, stride: 1, warmUp: 0, timed: 2 };
    const { pictures, spec } = await writeLoaderWork(folder, sizes, run);
    assert.deepEqual([spec.size, spec.crop.horizontalFlip], [[224, 224], false]);
    const { manifest, split } = await openShards(spec.shards);
    assert.equal(manifest.splits["train"]!.shards.length, 3);
    await using train = split("train");
    assert.equal(train.length, sizes.images);
    for (let i = 0; i < train.length; i++) {
      const { path, image } = await train.readSample(i);
      assert.deepEqual(image, await Deno.readFile(join(pictures, path)));
    }
    // Whole epochs in any order: what is looked at is nearly the same each time.
    const { check } = await runForJson<Run>(ours("loader/process.ts", [folder]));
    assert.ok(Math.abs(check[1]! / check[0]! - 1) < 0.1, `${check}`);
  });
});

Deno.test({
  name: "batches of this project and of torchvision are alike" +
    (HAS_PEERS ? "" : " (skipped: no runs/peers-python, deno task bench makes it)"),
  ignore: !HAS_PEERS,
  async fn() {
    await withFolder(async (folder) => {
      const sizes = { images: 8, batch: 4, pixels: 64 };
      const run = { workers: 1, cacheBytes: 0, stride: 1, warmUp: 0, timed: 1 };
      const work = await writeLoaderWork(folder, sizes, run);
      // The whole image, so that nothing is drawn.
      const crop = { cropScale: [1, 1], cropAspect: [1, 1], horizontalFlip: false };
      const whole = { ...work, spec: { ...work.spec, crop } };
      await Deno.writeTextFile(join(folder, "work.json"), JSON.stringify(whole));
      const our = await runForJson<Run>(ours("loader/process.ts", [folder]));
      const theirs = await runForJson<Run>(peer("tv", ["loader.py", folder, "torchvision"]));
      assert.deepEqual(Object.keys(theirs).sort(), Object.keys(our).sort());
      // Decoded pixels are equal. Pillow rounds up after each pass, by 0.07 levels on average, which is 1.5e-3 here.
      expectAgreement({ ours: [our], tv: [theirs] }, 3e-3);
    });
  },
});

Deno.test({
  name: "the measured steps of this project and of PyTorch have the same losses" +
    (HAS_PEERS ? "" : " (skipped: no runs/peers-python, deno task bench makes it)"),
  ignore: !HAS_PEERS,
  async fn() {
    await withFolder(async (folder) => {
      await writeStepWork(folder, TOY, { threads: 1, warmUpSteps: 2, timedSteps: 4 });
      const our = await runForJson<Run>(ours("step/process.ts", [folder]));
      const eager = await runForJson<Run>(peer("eager", ["step.py", folder, "eager"]));
      assert.deepEqual(Object.keys(eager).sort(), Object.keys(our).sort());
      assert.deepEqual([eager.seconds.length, eager.warm_up_seconds.length], [4, 2]);
      expectAgreement({ ours: [our], eager: [eager] }, 1e-5);
    });
  },
});
