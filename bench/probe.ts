/**
 * The logistic probe of this project and of scikit-learn on the same features: the whole grid, one process each, by
 * turns. Prints one line per pair and one of medians.
 *
 *     python3 -m venv runs/probe-python
 *     runs/probe-python/bin/pip install --requirement bench/peers/requirements-probe.txt
 *     deno run --no-prompt --allow-read --allow-write --allow-run bench/probe.ts runs/bench-probe [PAIRS] [FLAG...]
 *
 * Flags go to bench/peers/probe.py: `--warm-start`, `--float64`, `--max-iter N`.
 */
import { join } from "node:path";
import { makeFeatures } from "./probe/features.ts";
import { median } from "./statistics.ts";

const PYTHON = "runs/probe-python/bin/python";
/** Made features: axes of all the same variance, and variances that fall like 1/i, as those of networks do. */
const FILES = { alike: 0, correlated: 1 } as const;
const SIZES = { trainRows: 50_000, testRows: 10_000, width: 384, classes: 10 } as const;

/** One fitted and scored grid. */
interface Timed {
  /** Wall clock of the whole process. */
  readonly seconds: number;
  /** Accuracy on the test rows. */
  readonly score: number;
  readonly validationScore: number;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Runs a command; its last line of stdout is JSON. */
async function timed(command: string, args: readonly string[]) {
  const started = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  const seconds = (performance.now() - started) / 1000;
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}:\n${decoder.decode(stderr)}`);
  return { seconds, report: JSON.parse(decoder.decode(stdout).trim().split("\n").at(-1)!) };
}

async function ours(directory: string): Promise<Timed> {
  const file = (name: string) => join(directory, name);
  const { seconds, report } = await timed(Deno.execPath(), [
    ...["task", "--quiet", "probe", "--method", "logistic", "--force", "--out", file("probe")],
    ...["--train", file("train.arrow"), "--test", file("test.arrow")],
  ]);
  const { score, validationScore } = report.labels[0];
  return { seconds, score, validationScore };
}

async function theirs(directory: string, flags: readonly string[]): Promise<Timed> {
  const { seconds, report } = await timed(PYTHON, ["bench/peers/probe.py", directory, ...flags]);
  const { iterations, unconverged, fitSeconds } = report;
  console.error(JSON.stringify({ peer: { fitSeconds, iterations, unconverged } }));
  return { seconds, score: report.score, validationScore: report.validationScore };
}

const [root = "runs/bench-probe", count = "3", ...flags] = Deno.args;
for (const [name, decay] of Object.entries(FILES)) {
  const directory = join(root, name);
  if (!await exists(join(directory, "split.json"))) {
    await makeFeatures(directory, { ...SIZES, decay });
  }
  const ratios: number[] = [];
  for (let pair = 0; pair < Number(count); pair++) {
    const mine = await ours(directory), peer = await theirs(directory, flags);
    const ratio = peer.seconds / mine.seconds;
    ratios.push(ratio);
    console.log(JSON.stringify({ features: name, flags, pair, ours: mine, peer, ratio }));
  }
  console.log(JSON.stringify({ features: name, flags, medianRatio: median(ratios) }));
}
