import assert from "node:assert/strict";
import { join } from "node:path";
import { type Features, FeatureWriter } from "../../lib/formats/arrow.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import { madeFeatures, type MadeOptions } from "../probe/made_features.ts";
import { runStage } from "../run_stage.ts";

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function save(path: string, options: MadeOptions | Features): Promise<void> {
  const features = "embeddings" in options ? options : madeFeatures(options);
  await using writer = await FeatureWriter.open(path, {
    width: features.width,
    labels: [...features.labels].map(([name, { type }]) => ({ name, type })),
    metadata: features.metadata,
  });
  const labels = Object.fromEntries(
    [...features.labels].map(([name, { values }]) => [name, values]),
  );
  await writer.append({ ...features, labels });
  await writer.close();
}

const FILES = ["--train", "train.arrow", "--test", "test.arrow", "--out", "probe"];

Deno.test("probe writes metrics, predictions and weights, and prints a table and JSON", async () => {
  await withDirectory(async (directory) => {
    await save(join(directory, "train.arrow"), {});
    await save(join(directory, "test.arrow"), { first: 1000, rows: 30 });
    const first = await runStage("probe", FILES, { cwd: directory });
    assert.equal(first.code, 0, first.stderr);
    const printed = JSON.parse(first.stdout);
    assert.equal(first.stdout.trim().split("\n").length, 1);
    assert.equal(printed.status, "done");
    assert.deepEqual(
      printed.labels.map(({ label, task }: Record<string, string>) => [label, task]),
      [
        ["shape", "classify"],
        ["objects", "classify"],
        ["distance", "regress"],
      ],
    );
    assert.match(
      first.stderr,
      /^label +task +method +score +95 % interval +also +baseline +chosen$/m,
    );
    assert.match(first.stderr, /^distance +regress +ridge \* +0\.\d{3} R2 +0\.\d{3} to /m);

    const probe = join(directory, "probe");
    const metricsText = await Deno.readTextFile(join(probe, "metrics.json"));
    const metrics = JSON.parse(metricsText);
    assert.equal(metrics.format, "ijepa-probe");
    assert.equal(metrics.labels[0].methods[0].score, printed.labels[0].score);
    const csv = (await Deno.readTextFile(join(probe, "predictions.csv"))).trim().split("\n");
    assert.equal(csv.length, 1 + 3 * 2 * 30);
    const { tensors, metadata } = await readSafetensors(join(probe, "weights.safetensors"));
    assert.deepEqual(tensors["shape.logistic.weight"]!.shape, [3, 4]);
    assert.deepEqual(tensors["distance.ridge.bias"]!.shape, [1]);
    assert.equal(metadata["ijepa.encoder"], "target");

    const second = await runStage("probe", FILES, { cwd: directory });
    assert.equal(second.code, 0);
    assert.equal(JSON.parse(second.stdout).status, "up to date");
    assert.match(second.stderr, /^shape +classify +logistic/m);

    const other = await runStage("probe", [...FILES, "--seed", "1"], { cwd: directory });
    assert.equal(other.code, 73);
    assert.match(other.stderr, / from other inputs or settings, pass --force/);

    const forced = await runStage("probe", [...FILES, "--force"], { cwd: directory });
    assert.equal(JSON.parse(forced.stdout).status, "done");
    assert.equal(await Deno.readTextFile(join(probe, "metrics.json")), metricsText, "same bytes");

    const table = join(directory, "table.md");
    const compared = await runStage("compare", [
      "--probes",
      "pretrained=probe",
      "--probes",
      "random=probe",
      "--out",
      table,
    ], { cwd: directory });
    assert.equal(compared.code, 0, compared.stderr);
    const { labels } = JSON.parse(compared.stdout);
    assert.deepEqual(labels[0].scores.map((s: { source: string }) => s.source), [
      "pretrained",
      "random",
    ]);
    assert.match(compared.stderr, /^\| label +\| baseline \| pretrained +\| random +\|$/m);
    assert.equal(await Deno.readTextFile(table), compared.stderr);
    const again = ["--probes", "pretrained=probe", "--probes", "random=probe", "--out", table];
    const twice = await runStage("compare", again, { cwd: directory });
    assert.equal(JSON.parse(twice.stdout).status, "up to date");
    await Deno.writeTextFile(table, "my notes");
    const edited = await runStage("compare", again, { cwd: directory });
    assert.equal(edited.code, 73);
    assert.match(edited.stderr, / table\.md differs from its receipt, pass --force /);
    const all = ["--probes", "a=probe", "--probes", "a=./probe", "--methods", "all"];
    const runs = await runStage("compare", all, { cwd: directory });
    assert.match(
      runs.stderr,
      /^\| a +\| \d+\.\d % ± 0\.00 \(2 runs\) +\| .*± 0\.0000 \(2 runs\) +\|$/m,
    );
    const same = await runStage("compare", [...all, "--probes", "a=probe"], { cwd: directory });
    assert.equal(same.code, 2);
    assert.match(same.stderr, /Cannot compare: "a=probe" is given twice/);
    const notes = join(directory, "notes.md");
    await Deno.writeTextFile(notes, "mine");
    const over = await runStage("compare", [...again.slice(0, 4), "--out", notes], {
      cwd: directory,
    });
    assert.equal(over.code, 73);
    assert.match(
      over.stderr,
      / it exists and was not made by this command, give another --out or remove it yourself/,
    );
    assert.equal(await Deno.readTextFile(notes), "mine");
  });
});

Deno.test("probe and compare exit with the code and sentence that fit", async () => {
  await withDirectory(async (directory) => {
    const refused = async (
      stage: "probe" | "compare",
      args: readonly string[],
      { code, text }: { code: number; text: string },
    ) => {
      const ran = await runStage(stage, args, { cwd: directory });
      const sentence = ran.stderr.split("\n").find((line) => line.startsWith(`${stage}: Cannot`));
      assert.deepEqual([sentence, ran.code], [`${stage}: ${text}`, code]);
      assert.equal(ran.stdout, "");
    };
    await refused("probe", FILES, {
      code: 66,
      text: `Cannot probe: "train.arrow" (${directory}/train.arrow) does not exist, make it with ` +
        '"deno task features"',
    });
    await save(join(directory, "train.arrow"), {});
    await save(join(directory, "test.arrow"), { first: 1000, rows: 30 });
    await refused("probe", [...FILES, "--label", "shap"], {
      code: 65,
      text: `Cannot probe: "train.arrow" (${directory}/train.arrow) has no label "shap", did you ` +
        'mean "shape"? ' +
        "(labels: shape, objects, distance)",
    });
    await refused("probe", [...FILES, "--label", "shape", "--task", "regress"], {
      code: 2,
      text: 'Cannot probe: label "shape" holds class names, which --task regress cannot predict',
    });
    await refused("probe", ["--train", ".", "--test", "test.arrow", "--out", "probe"], {
      code: 66,
      text: `Cannot probe: "." (${directory}) is a directory, give the feature file itself`,
    });
    const bytes = await Deno.readFile(join(directory, "test.arrow"));
    await Deno.writeFile(join(directory, "test.arrow"), bytes.subarray(0, 1000));
    await refused("probe", FILES, {
      code: 65,
      text:
        `Cannot read features: "test.arrow" (${directory}/test.arrow) is cut short (1000 bytes, ` +
        "no Arrow footer), make it again",
    });
    await refused("compare", ["--probes", "pretrained"], {
      code: 2,
      text: 'Cannot compare: --probes needs NAME=PROBE, got "pretrained"',
    });
    await refused("compare", ["--probes", "pretrained=probe"], {
      code: 66,
      text:
        `Cannot compare: "probe/metrics.json" (${directory}/probe/metrics.json) does not exist, ` +
        'make it with "deno task probe"',
    });
    await Deno.mkdir(join(directory, "other"));
    await Deno.writeTextFile(join(directory, "other/metrics.json"), "{}");
    await refused("compare", ["--probes", "pretrained=other"], {
      code: 65,
      text:
        `Cannot compare: "other/metrics.json" (${directory}/other/metrics.json) cannot be used: ` +
        '"format" is missing, make it with "deno task probe"',
    });
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["other", "test.arrow", "train.arrow"], "nothing half-written");
  });
});
