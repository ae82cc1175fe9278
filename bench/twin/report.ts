/**
 * What bench/twin/twin.sh has measured, as `DIRECTORY/table.md` and the figure:
 * `deno run --allow-read --allow-write bench/twin/report.ts DIRECTORY FIGURE`.
 */
import { join } from "node:path";
import { Failure } from "../../lib/failure.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import { type Line, lineChart, type Panel } from "../../lib/pages/charts.ts";
import { compareProbes, type ProbeMetrics, type ProbeSource } from "../../lib/probe/mod.ts";
import { formatInterval, formatScore, markdownTable, type Table } from "../../lib/probe/table.ts";
import { METRICS_FILE } from "../../lib/run/mod.ts";
import type { FloatTensor } from "../../lib/tensor.ts";

/** Losses of all steps, of every run that is compared. */
interface Losses {
  readonly ours: readonly number[];
  /** PyTorch from the same weights. */
  readonly twin: readonly number[];
  /** The same in float64, which stands for the truth. */
  readonly double: readonly number[];
  /** This project's with other seeds. */
  readonly others: readonly (readonly number[])[];
  /** PyTorch from random weights of its own. */
  readonly own: readonly (readonly number[])[];
}

const SHOWN_STEPS = [1, 10, 100, 200];
/** The last steps, over which the losses of independent runs are averaged. */
const TAIL = 50;

async function lossesIn(path: string): Promise<number[]> {
  const text = await Deno.readTextFile(path);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line).loss as number);
}

/** Numbers N of the independent runs: `run-N`, of this project, has seed N, and `own-N`, of PyTorch, too. */
function seedsIn(directory: string): number[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name }) => /^own-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number).sort((a, b) => a - b);
}

function relative(values: readonly number[], wanted: readonly number[]): number[] {
  return values.map((value, i) => Math.abs(value - wanted[i]!) / wanted[i]!);
}

function show(difference: number): string {
  return difference.toExponential(1);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** `mean (least to most)` */
function spread(values: readonly number[], format: (value: number) => string): string {
  return `${format(mean(values))} (${format(Math.min(...values))} to ${
    format(Math.max(...values))
  })`;
}

function lossTable({ ours, twin, double }: Losses): Table {
  const pairs = [relative(ours, twin), relative(ours, double), relative(twin, double)];
  const rows = SHOWN_STEPS.filter((step) => step <= ours.length).map((step) => [
    String(step),
    ours[step - 1]!.toFixed(7),
    twin[step - 1]!.toFixed(7),
    ...pairs.map((differences) =>
      `${show(differences[step - 1]!)} (${show(Math.max(...differences.slice(0, step)))})`
    ),
  ]);
  const head = ["step", "loss, ours", "loss, PyTorch", "ours - PyTorch", "ours - float64"];
  return [[...head, "PyTorch - float64"], ...rows];
}

function tailLine({ ours, twin, others, own }: Losses): string {
  const tail = (losses: readonly number[]) => mean(losses.slice(-TAIL));
  const four = (value: number) => value.toFixed(4);
  return `Mean loss of the last ${TAIL} steps: ours ${four(tail(ours))}, PyTorch from the same ` +
    `weights ${four(tail(twin))}; mean (range) of ${own.length} independent runs: ours ` +
    `${spread(others.map(tail), four)}, PyTorch ${spread(own.map(tail), four)}.`;
}

async function probeOf(directory: string, name: string): Promise<ProbeSource> {
  const text = await Deno.readTextFile(join(directory, `probe-${name}`, "metrics.json"));
  return { name, metrics: JSON.parse(text) as ProbeMetrics };
}

async function probeTable(directory: string, seeds: readonly number[]): Promise<Table> {
  const numbered = (name: string) => seeds.map((seed) => `${name}-${seed}`);
  const names = ["ours", "twin", "random", ...numbered("ours"), ...numbered("own")];
  const labels = compareProbes(
    await Promise.all(names.map((name) => probeOf(directory, name))),
  );
  const rows = labels.map(({ label, metric, scores }) => {
    const format = (score: number) => formatScore(score, metric);
    const [ours, twin, random, ...independent] = scores.map(({ score, interval }) => ({
      score,
      text: `${format(score)} (${formatInterval(interval!, metric)})`,
    }));
    const values = independent.map(({ score }) => score);
    const groups = [values.slice(0, seeds.length), values.slice(seeds.length)];
    return [
      `${label} (${metric === "accuracy" ? metric : "R2"})`,
      ...[ours, twin, random].map((each) => each!.text),
      ...groups.map((group) => spread(group, format)),
    ];
  });
  const head = ["label", "ours", "PyTorch, same weights", "before training"];
  const count = seeds.length;
  return [[...head, `ours, ${count} other seeds`, `PyTorch, ${count} own starts`], ...rows];
}

/** |a - b| / |b| over all weights of two exported encoders, but the biases of keys, which have no true gradient. */
async function weightDistance(a: string, b: string): Promise<number> {
  const [mine, other] = await Promise.all(
    [a, b].map(async (path) => (await readSafetensors(join(path, "model.safetensors"))).tensors),
  );
  let difference = 0, length = 0;
  for (const [name, tensor] of Object.entries(other!)) {
    if (name.endsWith("key.bias") || name.endsWith("position_embeddings")) continue;
    const { data } = tensor as FloatTensor;
    const values = (mine![name] as FloatTensor).data;
    data.forEach((value, i) => {
      difference += (values[i]! - value) ** 2;
      length += value ** 2;
    });
  }
  return Math.sqrt(difference / length);
}

async function weightLine(directory: string): Promise<string> {
  const [ours, twin, double] = ["ours", "twin/encoder", "double/encoder"]
    .map((name) => join(directory, name)) as [string, string, string];
  const far = async (a: string, b: string) => show(await weightDistance(a, b));
  return `Distance of the final target encoders, |a - b| / |b|: ours - PyTorch ` +
    `${await far(ours, twin)}, ours - float64 ${await far(ours, double)}, PyTorch - float64 ` +
    `${await far(twin, double)}.`;
}

function figure({ ours, twin, double, others, own }: Losses): string {
  const steps = ours.map((_, i) => i + 1);
  const ticks = [1, ...steps.filter((step) => step % (ours.length / 4) === 0)];
  const faint = (runs: Losses["own"], name: string, ink: Line["ink"]): Line[] =>
    runs.map((values) => ({ name, values, ink, style: "faint" }));
  const losses: Panel = {
    title: "Loss",
    scale: "linear",
    bounds: [0, Math.ceil(10 * Math.max(...ours, ...others.flat(), ...own.flat())) / 10],
    step: 0.1,
    height: 240,
    lines: [
      ...faint(others, `ours, ${others.length} other seeds`, "blue"),
      ...faint(own, `PyTorch, ${own.length} own starts`, "orange"),
      { name: "ours", values: ours, ink: "blue" },
      { name: "PyTorch, same weights", values: twin, ink: "orange", style: "dashed" },
    ],
  };
  const differences: Panel = {
    title: "Relative difference of the losses",
    scale: "log",
    bounds: [1e-8, 1e-4],
    height: 150,
    lines: [
      {
        name: "PyTorch, float32 - float64",
        values: relative(twin, double),
        ink: "orange",
        style: "thin",
      },
      { name: "ours - PyTorch", values: relative(ours, twin), ink: "purple" },
    ],
  };
  return lineChart([losses, differences], {
    x: { name: "training step", values: steps, ticks },
    label: "Losses of the same training run by this project and by PyTorch, and how they differ",
  });
}

async function report(directory: string, figurePath: string): Promise<void> {
  const seeds = seedsIn(directory);
  const of = (name: string) => lossesIn(join(directory, name, "losses.jsonl"));
  const ofRun = (name: string) => lossesIn(join(directory, name, METRICS_FILE));
  const losses: Losses = {
    ours: await ofRun("run"),
    twin: await of("twin"),
    double: await of("double"),
    others: await Promise.all(seeds.map((seed) => ofRun(`run-${seed}`))),
    own: await Promise.all(seeds.map((seed) => of(`own-${seed}`))),
  };
  const parts = [
    markdownTable(lossTable(losses)),
    tailLine(losses),
    await weightLine(directory),
    markdownTable(await probeTable(directory, seeds)),
  ];
  await Deno.writeTextFile(join(directory, "table.md"), parts.join("\n\n") + "\n");
  await Deno.writeTextFile(figurePath, figure(losses));
  console.error(parts.join("\n\n"));
}

if (import.meta.main) {
  const [directory, figurePath] = Deno.args;
  if (directory === undefined || figurePath === undefined) {
    throw new Failure("usage", "Cannot report: wanted DIRECTORY FIGURE");
  }
  await report(directory, figurePath);
}
