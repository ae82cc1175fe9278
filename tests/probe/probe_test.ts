import assert from "node:assert/strict";
import { Failure } from "../../lib/failure.ts";
import type { FeatureLabel, Features, LabelValues } from "../../lib/formats/arrow.ts";
import type { Choices, Method } from "../../lib/probe/mod.ts";
import { predictionsCsv, probeFeatures, probeWeights } from "../../lib/probe/mod.ts";
import { bestMethod, type MethodRun } from "../../lib/probe/results.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { madeFeatures, type MadeOptions } from "./made_features.ts";
import { assertNear } from "./near.ts";

const RUNTIME = await createRuntime("onnx", { threads: 1 });
const ANYTHING: Choices = { label: undefined, task: undefined, method: undefined };

function probe(
  train: MadeOptions | Features,
  test: MadeOptions | Features,
  { seed = 0, ...choices }: Partial<Choices> & { seed?: number } = {},
) {
  const features = (options: MadeOptions | Features) =>
    "embeddings" in options ? options : madeFeatures(options);
  return probeFeatures(
    { path: "train.arrow", features: features(train) },
    { path: "test.arrow", features: features(test) },
    { choices: { ...ANYTHING, ...choices }, seed, runtime: RUNTIME },
  );
}

/** Fails unless the probe is refused with this kind and text. */
async function assertRefused(
  run: Promise<unknown>,
  { kind = "data", text }: { readonly kind?: string; readonly text: string },
): Promise<void> {
  await assert.rejects(run, (error: unknown) => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.message, `Cannot probe: ${text}`);
    assert.equal(error.kind, kind);
    return true;
  });
}

const TEST = { first: 1000, rows: 30 };

function column(type: FeatureLabel["type"], values: (string | number | null)[]): LabelValues {
  return { type, values } as LabelValues;
}

Deno.test("probeFeatures() probes every label by the task that its values call for", async () => {
  const { metrics } = await probe({}, TEST);
  assert.deepEqual(
    metrics.labels.map(({ label, task, metric, methods }) => [
      label,
      task,
      metric,
      methods.map(({ method }) => method).join(" "),
    ]),
    [
      ["shape", "classify", "accuracy", "logistic knn"],
      ["objects", "classify", "accuracy", "logistic knn"],
      ["distance", "regress", "r2", "ridge knn"],
    ],
  );
  const [shape, objects, distance] = metrics.labels;
  for (const { method, score, validationScore } of shape!.methods) {
    assert.ok(score >= 0.9, `${method}: ${score}`);
    assert.ok(validationScore >= 0.8, `${method} held out: ${validationScore}`);
  }
  assertNear([objects!.methods[0]!.score], [shape!.methods[0]!.score], { tolerance: 0 });
  assert.ok(distance!.methods[0]!.score > 0.95);
  assert.ok(distance!.methods[1]!.score > 0.2);
  assert.ok(distance!.methods[1]!.validationScore > 0.2);
  assert.ok(distance!.methods[0]!.meanAbsoluteError! < 0.5);
  assert.equal(shape!.baseline, 1 / 3);
  assert.deepEqual(objects!.classes, [
    { name: "1", train: 20, test: 10 },
    { name: "2", train: 20, test: 10 },
    { name: "3", train: 20, test: 10 },
  ]);
  const [low, high] = distance!.methods[0]!.interval;
  assert.ok(low < distance!.methods[0]!.score && distance!.methods[0]!.score < high);
});

Deno.test("probeFeatures() chooses on rows that were not fitted", async () => {
  // Labels are noise and there are more features than rows: a fit on the held-out rows predicts them.
  const noise = (rows: number, first: number) => {
    const values = Array.from(
      { length: rows },
      (_, row) => new RandomStream({ seed: 9, purpose: "noise", sample: first + row }).normal(),
    );
    return {
      kind: column("class", values.map((value) => value > 0 ? "a" : "b")),
      amount: column("number", values),
    };
  };
  const train = madeFeatures({ rows: 100, width: 120, labels: noise(100, 0) });
  const test = madeFeatures({ ...TEST, width: 120, labels: noise(30, 1000) });
  for (const label of ["kind", "amount"]) {
    const { metrics } = await probe(train, test, { label });
    for (const { method, validationScore } of metrics.labels[0]!.methods) {
      assert.ok(validationScore < 0.8, `${label}, ${method}: ${validationScore}`);
    }
  }
});

Deno.test("probeFeatures() gives the commonest training class as the baseline", async () => {
  const train = column("class", Array.from({ length: 60 }, (_, row) => row < 40 ? "b" : "a"));
  const test = column("class", Array.from({ length: 30 }, (_, row) => row < 6 ? "b" : "a"));
  const { metrics } = await probe({ labels: { kind: train } }, {
    ...TEST,
    labels: { kind: test },
  }, { label: "kind", method: "knn" });
  assert.equal(metrics.labels[0]!.baseline, 6 / 30);
});

Deno.test("bestMethod() looks at validation scores, never at test scores", () => {
  const run = (method: Method, scores: { validationScore: number; score: number }) =>
    ({ result: { method, ...scores } }) as MethodRun;
  const runs = [
    run("logistic", { validationScore: 0.6, score: 0.5 }),
    run("knn", { validationScore: 0.5, score: 0.9 }),
  ];
  assert.equal(bestMethod(runs), "logistic");
  assert.equal(bestMethod(runs.toReversed()), "logistic");
});

Deno.test("probeFeatures() gives the same numbers for the same seed", async () => {
  const [first, second] = [await probe({}, TEST, { seed: 5 }), await probe({}, TEST, { seed: 5 })];
  assert.deepEqual(first.metrics, second.metrics);
});

Deno.test("probeFeatures() regresses a count and classifies nothing else when told so", async () => {
  const { metrics } = await probe({}, TEST, { label: "objects", task: "regress" });
  assert.deepEqual(metrics.labels.map(({ label, task }) => [label, task]), [[
    "objects",
    "regress",
  ]]);
  const knn = await probe({}, TEST, { label: "shape", method: "knn" });
  assert.deepEqual(knn.metrics.labels[0]!.methods.map(({ method }) => method), ["knn"]);
});

Deno.test("probeFeatures() skips a label that does not fit, and says why", async () => {
  const { metrics } = await probe({}, TEST, { method: "ridge" });
  assert.deepEqual(metrics.labels.map(({ label }) => label), ["objects", "distance"]);
  assert.deepEqual(metrics.skipped, [{
    label: "shape",
    reason: '--method ridge cannot classify label "shape", methods for that are logistic and knn',
  }]);
});

Deno.test("probeFeatures() leaves rows without a value out", async () => {
  const train = madeFeatures();
  const values = train.labels.get("shape")!.values.map((value, row) => row < 6 ? null : value);
  const labels = new Map([["shape", column("class", values)]]);
  const { metrics } = await probe({ ...train, labels }, TEST);
  assert.equal(metrics.labels[0]!.trainRows, 54);
  assert.deepEqual(metrics.labels[0]!.warnings, [
    '6 rows of "train.arrow" have no value and are left out',
  ]);
});

Deno.test("probeFeatures() counts a class that no training row has as wrong", async () => {
  const test = madeFeatures(TEST);
  const values = test.labels.get("shape")!.values.map((value, row) => row < 15 ? "star" : value);
  const run = await probe({}, { ...test, labels: new Map([["shape", column("class", values)]]) });
  const [shape] = run.metrics.labels;
  assert.deepEqual(shape!.warnings, [
    "15 test rows are of classes that no training row has (star) and count as wrong",
  ]);
  assert.ok(shape!.methods[0]!.score <= 0.5);
  assert.equal(shape!.methods[0]!.recalls!["star"], 0);
  assert.deepEqual(shape!.classes!.at(-1), { name: "star", train: 0, test: 15 });
});

Deno.test("probeFeatures() reports top-5 accuracy when there are more than five classes", async () => {
  const classes = (rows: number) =>
    column("class", Array.from({ length: rows }, (_, row) => `class ${row % 7}`));
  const { metrics } = await probe({ labels: { kind: classes(60) } }, {
    ...TEST,
    labels: { kind: classes(30) },
  }, { label: "kind" });
  for (const { score, top5Accuracy } of metrics.labels[0]!.methods) {
    assert.ok(top5Accuracy! >= score && top5Accuracy! <= 1);
  }
});

Deno.test("probeFeatures() refuses features of different kinds, naming key and values", async () => {
  await assertRefused(probe({}, { ...TEST, metadata: { "ijepa.layers": "last4" } }), {
    text: 'ijepa.layers of "train.arrow" is last, of "test.arrow" it is last4, ' +
      "make both with the same encoder and settings",
  });
  await assertRefused(probe({ metadata: { "ijepa.encoder_sha256": "ab12" } }, TEST), {
    text: 'ijepa.encoder_sha256 of "train.arrow" is ab12, of "test.arrow" it is not recorded, ' +
      "make both with the same encoder and settings",
  });
  for (const key of ["ijepa.encoder", "ijepa.beside_sha256", "ijepa.pool", "ijepa.preprocessing"]) {
    await assert.rejects(
      probe({}, { ...TEST, metadata: { [key]: "other" } }),
      (error: Error) => error.message.includes(`Cannot probe: ${key} of`),
    );
  }
  await assertRefused(probe({}, { ...TEST, width: 5 }), {
    text: 'embedding width of "train.arrow" is 4, of "test.arrow" it is 5, ' +
      "make both with the same encoder and settings",
  });
});

Deno.test("probeFeatures() refuses samples that are in both files", async () => {
  const shards = { metadata: { "ijepa.shards": `{"train-000000.tar":"${"aa".repeat(32)}"}` } };
  const other = { metadata: { "ijepa.shards": `{"train-000000.tar":"${"bb".repeat(32)}"}` } };
  const text = '30 of the 30 samples of "test.arrow" are also in "train.arrow" ' +
    '(the first is "image-0"), give features of two splits';
  await assertRefused(probe({}, { rows: 30 }), { text });
  await assertRefused(probe(shards, { rows: 30, ...shards }), { text });
  await assertRefused(probe({ rows: 60 }, { first: 55, rows: 10 }), {
    text: '5 of the 10 samples of "test.arrow" are also in "train.arrow" ' +
      '(the first is "image-55"), give features of two splits',
  });
  // Damaged metadata would hide that the shards are the same.
  const damaged = { metadata: { "ijepa.shards": '{"train-000000.tar":' } };
  await assert.rejects(
    probe(damaged, { rows: 30, ...other }),
    /Cannot probe: the metadata ijepa\.shards of "train\.arrow" cannot be used: it is not JSON/,
  );
  const { metrics } = await probe(shards, { rows: 30, ...other }, { label: "shape" });
  assert.deepEqual(metrics.warnings, [
    '30 keys of "test.arrow" are also in "train.arrow", from other shards: ' +
    "check that they are other images",
  ]);
});

Deno.test("probeFeatures() warns of rows that have the key of another", async () => {
  const train = madeFeatures(), test = madeFeatures(TEST);
  const keys = test.keys.map((key, row) => row < 3 ? "same" : key);
  const { metrics } = await probe(train, { ...test, keys }, { label: "shape" });
  assert.deepEqual(metrics.warnings, [
    `2 of ${test.rows} rows of "test.arrow" have the key of another row (the first is "same") ` +
    "and count as samples of their own",
  ]);
});

Deno.test("probeFeatures() refuses embeddings that are not finite, naming row and key", async () => {
  const train = madeFeatures();
  train.embeddings[4 * 7 + 2] = NaN;
  await assertRefused(probe(train, TEST), {
    text: '"train.arrow" holds NaN in row 7 (key "image-7", embedding value 2), ' +
      "check the encoder that made it",
  });
  const test = madeFeatures(TEST);
  test.embeddings[0] = -Infinity;
  await assertRefused(probe({}, test), {
    text: '"test.arrow" holds -Infinity in row 0 (key "image-1000", embedding value 0), ' +
      "check the encoder that made it",
  });
});

Deno.test("probeFeatures() refuses embeddings that are too wide", async () => {
  await assertRefused(probe({ rows: 1, width: 16_385 }, { ...TEST, width: 16_385 }), {
    text: '"train.arrow" has embeddings of 16385 values, wanted at most 16384, reduce them first',
  });
});

Deno.test("probeFeatures() refuses numbers that cannot be computed with", async () => {
  const choices = { label: "distance" };
  const withValue = (value: number) =>
    column("number", Array.from({ length: 60 }, (_, row) => row === 7 ? value : row));
  for (const value of [Infinity, -Infinity, 1e101, -1e300]) {
    await assertRefused(probe({ labels: { distance: withValue(value) } }, TEST, choices), {
      text: `label "distance" is ${value} in row 7 of "train.arrow" (key "image-7"), ` +
        "wanted at most 1e+100, correct or scale it",
    });
    await assertRefused(
      probe({}, { ...TEST, rows: 60, labels: { distance: withValue(value) } }, choices),
      {
        text: `label "distance" is ${value} in row 7 of "test.arrow" (key "image-1007"), ` +
          "wanted at most 1e+100, correct or scale it",
      },
    );
  }
  const close = column("number", Array.from({ length: 60 }, (_, row) => row * 1e-200));
  await assertRefused(probe({ labels: { distance: close } }, TEST, choices), {
    text: 'label "distance" varies by 5.9e-199 in "train.arrow", scale it',
  });
});

Deno.test("probeFeatures() refuses files without rows or labels", async () => {
  await assertRefused(probe({}, { ...TEST, rows: 0 }), {
    text: '"test.arrow" has no rows, make features of a split with images',
  });
  await assertRefused(probe({ ...madeFeatures(), labels: new Map() }, TEST), {
    text: '"train.arrow" has no label column, shard the images with class folders or --labels',
  });
  await assertRefused(probe({}, { ...madeFeatures(TEST), labels: new Map() }), {
    text: 'no label of "train.arrow" (shape, objects, distance) is in "test.arrow" (none)',
  });
});

Deno.test("probeFeatures() names the labels that there are when the given one is missing", async () => {
  await assertRefused(probe({}, TEST, { label: "distanse" }), {
    text: '"train.arrow" has no label "distanse", did you mean "distance"? ' +
      "(labels: shape, objects, distance)",
  });
  await assertRefused(
    probe({}, { ...madeFeatures(TEST), labels: new Map() }, { label: "shape" }),
    { text: '"test.arrow" has no label "shape", it has no label columns' },
  );
});

Deno.test("probeFeatures() refuses labels that nothing can be learnt from", async () => {
  const nothing = column("class", new Array(60).fill(null));
  await assertRefused(probe({ labels: { shape: nothing } }, TEST, { label: "shape" }), {
    text: 'label "shape" has no value in any row of "train.arrow"',
  });
  const same = column("class", new Array(60).fill("circle"));
  await assertRefused(probe({ labels: { shape: same } }, TEST, { label: "shape" }), {
    text: 'label "shape" needs at least two different values in "train.arrow", ' +
      'every row has "circle"',
  });
  const own = column("class", Array.from({ length: 60 }, (_, row) => `image ${row}`));
  await assertRefused(probe({ labels: { shape: own } }, TEST, { label: "shape" }), {
    text: 'label "shape" has one row per class in "train.arrow" (60 classes), ' +
      "choosing a strength needs a class with two",
  });
  const flat = column("number", new Array(30).fill(3));
  await assertRefused(
    probe({}, { ...TEST, labels: { distance: flat } }, { label: "distance" }),
    {
      text: 'label "distance" is 3 in every row of "test.arrow", ' +
        "R2 needs at least two different values",
    },
  );
  await assertRefused(probe({ rows: 9 }, TEST, { label: "distance" }), {
    text: 'label "distance" has a value in 9 rows of "train.arrow", a regression needs at least 10',
  });
  await assertRefused(
    probe({}, { ...TEST, labels: { shape: flat } }, { label: "shape" }),
    { text: 'label "shape" is a class in "train.arrow" but a number in "test.arrow"' },
  );
});

Deno.test("probeFeatures() refuses a task or method that does not fit the label", async () => {
  await assertRefused(probe({}, TEST, { label: "shape", task: "regress" }), {
    kind: "usage",
    text: 'label "shape" holds class names, which --task regress cannot predict',
  });
  await assertRefused(probe({}, TEST, { label: "distance", task: "regress", method: "logistic" }), {
    kind: "usage",
    text: '--method logistic cannot regress label "distance", methods for that are ridge and knn',
  });
});

Deno.test("probeWeights() are linear maps on the embeddings that give the predictions", async () => {
  const test = madeFeatures(TEST);
  const run = await probe({}, test);
  const { tensors, metadata } = probeWeights(run.labels);
  assert.deepEqual(JSON.parse(metadata["ijepa.classes"]!), {
    shape: ["circle", "square", "triangle"],
    objects: ["1", "2", "3"],
  });
  const scoresOf = (name: string, row: number) => {
    const weight = tensors[`${name}.weight`]!, bias = tensors[`${name}.bias`]!;
    return Array.from(bias.data, (b, c) => {
      let sum = b;
      for (let d = 0; d < 4; d++) sum += weight.data[c * 4 + d]! * test.embeddings[row * 4 + d]!;
      return sum;
    });
  };
  const [shape, , distance] = run.labels;
  for (let row = 0; row < test.rows; row++) {
    const scores = scoresOf("shape.logistic", row);
    assert.equal(scores.indexOf(Math.max(...scores)), shape!.methods[0]!.predictions.values[row]);
    assertNear(
      scoresOf("distance.ridge", row),
      [distance!.methods[0]!.predictions.values[row]!],
      { tolerance: 1e-4 },
    );
  }
});

Deno.test("predictionsCsv() and probeWeights() take any name as text", async () => {
  const names = ["=1+1", "-0.5", "__proto__"];
  const named = (options: MadeOptions) => {
    const made = madeFeatures(options);
    const values = (made.labels.get("objects")!.values as number[]).map((n) => names[n - 1]!);
    return { ...made, labels: new Map([["__proto__", { type: "class" as const, values }]]) };
  };
  const test = { ...named(TEST), paths: Array(TEST.rows).fill("@a.jpg") };
  const run = await probe(named({}), test, { method: "logistic" });
  const rows = [...predictionsCsv(run.labels, test)].join("").trimEnd().split("\n").slice(1);
  for (const row of rows) {
    assert.match(row, /^__proto__,logistic,image-\d+,'@a\.jpg,('=1\+1|-0\.5|__proto__),/);
  }
  assert.equal(
    probeWeights(run.labels).metadata["ijepa.classes"],
    JSON.stringify({ ["__proto__"]: ["-0.5", "=1+1", "__proto__"] }),
  );
  assert.deepEqual(
    Object.keys(run.metrics.labels[0]!.methods[0]!.recalls!).sort(),
    names.toSorted(),
  );
});

Deno.test("predictionsCsv() quotes what needs it", async () => {
  const test = { ...madeFeatures({ ...TEST, rows: 2 }), paths: ['a, "b".jpg', "c.jpg"] };
  const run = await probe({}, test, { label: "shape", method: "logistic" });
  const [head, first, second] = [...predictionsCsv(run.labels, test)].join("").split("\n");
  assert.equal(head, "label,method,key,path,truth,predicted,confidence");
  assert.match(first!, /^shape,logistic,image-1000,"a, ""b""\.jpg",circle,\w+,[01]\.\d{4}$/);
  assert.match(second!, /^shape,logistic,image-1001,c\.jpg,square,\w+,[01]\.\d{4}$/);
});
