/** `pipelines/reference.sh` at toy size: two seeds of a network that learns nothing, on pictures in MNIST's format. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { RandomStream } from "../../lib/random/mod.ts";
import { withFolder } from "../folder.ts";
import { idxFile } from "../formats/idx_files.ts";
import { ROOT } from "../run_stage.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function reference(...args: string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["pipelines/reference.sh", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}` },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

async function hasBash(): Promise<boolean> {
  try {
    return (await new Deno.Command("bash", { args: ["-c", ":"] }).output()).success;
  } catch {
    return false;
  }
}

/** Pictures of noise, the brighter the larger their label: pixels tell it. */
async function writePair(folder: string, name: string, count: number): Promise<void> {
  const random = new RandomStream({ seed: 0, purpose: name });
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const pixels = Uint8Array.from(
    { length: count * 784 },
    (_, i) => 20 * labels[Math.floor(i / 784)]! + random.integer(40),
  );
  await Deno.writeFile(
    join(folder, `${name}-images-idx3-ubyte.gz`),
    gzipSync(idxFile([count, 28, 28], pixels)),
  );
  await Deno.writeFile(join(folder, `${name}-labels-idx1-ubyte`), idxFile([count], labels));
}

const BASH = await hasBash();
if (!BASH) console.log("Tests of reference.sh are skipped: there is no bash");

Deno.test({
  name: "reference.sh keeps the official split and ends with a table of both seeds",
  ignore: !BASH,
  fn: () =>
    withFolder(async (folder) => {
      await writePair(folder, "train", 60);
      await writePair(folder, "t10k", 20);
      const work = join(folder, "out");
      const recipe = "--preset smoke --set schedule.steps=4 --set schedule.warmupSteps=1";
      const args = [work, "--from", folder, "--seeds", "2", "--pool", "mean", "--recipe", recipe];
      const { code, stdout, stderr } = await reference(...args);
      assert.equal(code, 0, stderr);
      const lines = stdout.trimEnd().split("\n");
      assert.match(
        lines[0]!,
        /^\| label +\| class \(accuracy\), logistic +\| class \(accuracy\), knn +\|$/,
      );
      const rows = lines.slice(2, 7).map((line) => line.split("|").map((cell) => cell.trim()));
      assert.deepEqual(rows.map(([, name]) => name), [
        ...["baseline", "pretrained", "random initialisation", "pixel targets, equal time"],
        "raw pixels",
      ]);
      for (const row of rows.slice(1, 4)) {
        assert.match(row[2]!, /^\d+\.\d % ± \d+\.\d\d \(2 runs\)$/);
      }
      assert.match(rows[4]![2]!, /^100\.0 % \(100\.0 to 100\.0\)$/);
      assert.match(
        lines.at(-1)!,
        /^fashion: 60 training and 20 test pictures; 2 seeds\. Recipe: `--preset smoke .*`, normalised by the training pictures, pooled by `mean`\. 4 steps in [\d.]+ minutes; with pixel targets \d+ in [\d.]+\. The whole took \d+:\d\d \(.+\)\.$/,
      );
      assert.equal(await Deno.readTextFile(join(work, "reference.md")), stdout);
    }),
});

Deno.test({
  name: "reference.sh says what is missing and what it does not know, before anything is made",
  ignore: !BASH,
  fn: () =>
    withFolder(async (folder) => {
      const work = join(folder, "out");
      const refused = async (args: string[], [code, text]: readonly [number, string]) => {
        const ran = await reference(work, ...args);
        assert.deepEqual([ran.code, ran.stderr.replaceAll(folder, "F")], [
          code,
          `reference: ${text}\n`,
        ]);
        assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), []);
      };
      await refused(["--from", folder], [
        66,
        '"F" has no train-images-idx3-ubyte.gz: install Fashion-MNIST (Debian, Ubuntu: apt-get install ' +
        "dataset-fashion-mnist) or give --from a folder with train-images-idx3-ubyte.gz " +
        "train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz",
      ]);
      await refused(["--data", "cifar"], [
        2,
        '--data wants fashion, digits, letters or scenes, got "cifar"',
      ]);
      await refused(["--seeds", "0"], [2, '--seeds wants a number from 1 to 99, got "0"']);
      await refused(["--recipe", "--preset smoke --steps 3"], [
        2,
        "--recipe wants lengths in steps, as --set schedule.steps=N, and no seed and no paths, got " +
        '"--preset smoke --steps 3"',
      ]);
      await refused(["--sedes", "3"], [
        2,
        'unknown flag "--sedes", see the head of pipelines/reference.sh',
      ]);
      await refused(["--pool"], [
        2,
        "--pool needs a value, see the head of pipelines/reference.sh",
      ]);
    }),
});
