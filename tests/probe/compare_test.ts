import assert from "node:assert/strict";
import { Failure } from "../../lib/failure.ts";
import {
  compareProbes,
  comparisonTable,
  type LabelResult,
  markdownTable,
  type MethodResult,
  plainTable,
  type ProbeMetrics,
} from "../../lib/probe/mod.ts";

function method(
  name: MethodResult["method"],
  { validationScore, score }: { validationScore: number; score: number },
): MethodResult {
  return {
    method: name,
    strength: { name: name === "knn" ? "k" : "C", value: 10, atGridEdge: false },
    validationScore,
    score,
    interval: [score - 0.0211, score + 0.02],
    grid: [],
  };
}

function metricsOf(
  { samples = "same", ...label }: Partial<LabelResult> & { samples?: string },
): ProbeMetrics {
  return {
    format: "ijepa-probe",
    version: 1,
    seed: 0,
    width: 4,
    train: { file: "train.arrow", rows: 60 },
    test: { file: "test.arrow", rows: 30, samplesSha256: samples },
    features: {},
    skipped: [],
    warnings: [],
    labels: [{
      label: "shape",
      task: "classify",
      metric: "accuracy",
      trainRows: 60,
      testRows: 30,
      baseline: 0.25,
      best: "logistic",
      methods: [],
      warnings: [],
      ...label,
    }],
  };
}

const PRETRAINED = metricsOf({
  best: "logistic",
  methods: [
    method("logistic", { validationScore: 0.6, score: 0.5 }),
    // Better on the test rows, which must not matter.
    method("knn", { validationScore: 0.4, score: 0.9 }),
  ],
});
const RANDOM = metricsOf({
  best: "knn",
  methods: [
    method("logistic", { validationScore: 0.2, score: 0.31 }),
    method("knn", { validationScore: 0.3, score: 0.324 }),
  ],
});

Deno.test("compareProbes() takes the method that was best on held-out training rows", () => {
  const [shape] = compareProbes([
    { name: "pretrained", metrics: PRETRAINED },
    { name: "random", metrics: RANDOM },
  ]);
  assert.deepEqual(
    shape!.scores.map(({ source, method, score, pointsBehindFirst }) => [
      source,
      method,
      score,
      pointsBehindFirst,
    ]),
    [["pretrained", "logistic", 0.5, 0], ["random", "knn", 0.324, 17.6]],
  );
});

Deno.test("comparisonTable() as Markdown", () => {
  const table = comparisonTable(compareProbes([
    { name: "pretrained", metrics: PRETRAINED },
    { name: "random", metrics: RANDOM },
  ]));
  assert.equal(
    markdownTable(table),
    [
      "| label            | baseline | pretrained                      | random                     |",
      "| ---------------- | -------- | ------------------------------- | -------------------------- |",
      "| shape (accuracy) | 25.0 %   | 50.0 % (47.9 to 52.0), logistic | 32.4 % (30.3 to 34.4), knn |",
    ].join("\n"),
  );
});

Deno.test("comparisonTable() lists many probes one below the other", () => {
  const names = ["a", "b", "c", "d", "e"];
  const table = comparisonTable(
    compareProbes(names.map((name) => ({ name, metrics: name === "c" ? RANDOM : PRETRAINED }))),
  );
  assert.deepEqual(table.slice(0, 2), [["label", "shape (accuracy)"], ["baseline", "25.0 %"]]);
  assert.deepEqual(table.slice(2).map(([name]) => name), names);
  assert.deepEqual(table[4], ["c", "32.4 % (30.3 to 34.4), knn"]);
});

/** Three runs whose best methods differ; on held-out rows knn is the better one in the mean. */
const RUNS = ([[0.9, 0.5, 0.60], [0.4, 0.7, 0.62], [0.4, 0.6, 0.67]] as const).map((
  [logistic, knn, score],
) =>
  metricsOf({
    best: logistic > knn ? "logistic" : "knn",
    methods: [
      method("logistic", { validationScore: logistic, score: score - 0.1 }),
      method("knn", { validationScore: knn, score }),
    ],
  })
);
const SEVERAL = [
  ...RUNS.map((metrics) => ({ name: "pretrained", metrics })),
  { name: "random", metrics: RANDOM },
];

Deno.test("compareProbes() makes one score of several runs: the mean, and the deviation of a sample", () => {
  const [shape] = compareProbes(SEVERAL), [pretrained, random] = shape!.scores;
  assert.deepEqual([pretrained!.source, pretrained!.method, pretrained!.runs], [
    "pretrained",
    "knn",
    3,
  ]);
  const near = (got: number, wanted: number) => assert.ok(Math.abs(got - wanted) < 1e-12, `${got}`);
  near(pretrained!.score, 0.63);
  near(pretrained!.validationScore, 0.6);
  // Deviations -0.03, -0.01 and 0.04: sqrt(0.0026 / 2).
  near(pretrained!.deviation!, Math.sqrt(0.0013));
  assert.equal(pretrained!.interval, undefined);
  assert.deepEqual([random!.runs, random!.deviation, random!.pointsBehindFirst], [
    1,
    undefined,
    30.6,
  ]);
  assert.ok(random!.interval);
});

Deno.test("comparisonTable() of all methods has a column for each, and an empty cell where one is missing", () => {
  const less = metricsOf({
    methods: [method("logistic", { validationScore: 0.2, score: 0.31 })],
  });
  const labels = compareProbes([...SEVERAL, { name: "less", metrics: less }], { methods: "all" });
  assert.deepEqual(comparisonTable(labels), [
    ["label", "shape (accuracy), logistic", "shape (accuracy), knn"],
    ["baseline", "25.0 %", "25.0 %"],
    ["pretrained", "53.0 % ± 3.61 (3 runs)", "63.0 % ± 3.61 (3 runs)"],
    ["random", "31.0 % (28.9 to 33.0)", "32.4 % (30.3 to 34.4)"],
    ["less", "31.0 % (28.9 to 33.0)", ""],
  ]);
  // Behind the first source by the same method.
  const behind = labels[0]!.scores.map((
    each,
  ) => [each.source, each.method, each.pointsBehindFirst]);
  assert.deepEqual(behind, [
    ...[["pretrained", "logistic", 0], ["pretrained", "knn", 0]],
    ...[["random", "logistic", 22], ["random", "knn", 30.6], ["less", "logistic", 22]],
  ]);
});

Deno.test("compareProbes() refuses runs of one name without a method in common", () => {
  const run = (name: MethodResult["method"]) => ({
    name: "a",
    metrics: metricsOf({ best: name, methods: [method(name, { validationScore: 0, score: 0 })] }),
  });
  assert.throws(
    () => compareProbes([run("knn"), run("logistic")]),
    new Failure(
      "data",
      'Cannot compare: the runs have no method in common on the label "shape", probe them with the ' +
        "same --method",
    ),
  );
});

Deno.test("compareProbes() refuses probes that cannot be compared", () => {
  const against = (metrics: ProbeMetrics) => () =>
    compareProbes([{ name: "pretrained", metrics: PRETRAINED }, { name: "random", metrics }]);
  assert.throws(
    against(metricsOf({ ...RANDOM.labels[0], samples: "other" })),
    new Failure(
      "data",
      'Cannot compare: "random" was scored on other test samples than "pretrained" ' +
        "(30 and 30 rows), probe features of the same split",
    ),
  );
  assert.throws(
    against(metricsOf({ ...RANDOM.labels[0], label: "objects" })),
    new Failure(
      "data",
      'Cannot compare: label "shape" is a classify task in "pretrained" but is missing in "random", ' +
        "probe both with the same --label and --task",
    ),
  );
  assert.throws(
    against(metricsOf({ ...RANDOM.labels[0], task: "regress" })),
    new Failure(
      "data",
      'Cannot compare: label "shape" is a classify task in "pretrained" but is a regress task in ' +
        '"random", probe both with the same --label and --task',
    ),
  );
});

Deno.test("plainTable() and markdownTable() align columns", () => {
  const table = [["a", "long head"], ["wide cell", "b|c"]];
  assert.equal(
    plainTable(table),
    "a          long head\n---------  ---------\nwide cell  b|c",
  );
  assert.equal(
    markdownTable(table),
    "| a         | long head |\n| --------- | --------- |\n| wide cell | b\\|c      |",
  );
});

Deno.test("plainTable() and markdownTable() keep foreign names in their cells", () => {
  const table = [["a|`b`", "<script>"], ["](http://x)\n# head", "x".repeat(300)]];
  const plain = plainTable(table).split("\n"), markdown = markdownTable(table).split("\n");
  assert.deepEqual([plain.length, markdown.length], [3, 3]);
  assert.match(plain[2]!, /^\]\(http:\/\/x\)\\n# head {2}x+ \[\.\.\.\] x+$/);
  assert.match(markdown[0]!, /^\| a\\\|\\`b\\` +\| &lt;script&gt; +\|$/);
  assert.match(markdown[2]!, /^\| \\\]\(http\\:\/\/x\)\\\\n# head \| x+ /);
  assert.ok(markdown.every((line) => line.length < 250));
});

Deno.test("plainTable() aligns wide and combining characters as terminals show them", () => {
  const rows = plainTable([["name", "n"], ["猫", "1"], ["cafe\u0301", "2"], ["😀", "3"]]).split(
    "\n",
  );
  assert.deepEqual(rows, ["name  n", "----  -", "猫    1", "cafe\u0301  2", "😀    3"]);
});
