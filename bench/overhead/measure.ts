/** The measure of overhead: what a real run does besides training. */
import { join } from "node:path";
import { gridOf } from "../../lib/model/config.ts";
import { modelConfigOf, resolveConfig } from "../../lib/config/mod.ts";
import { ours, runForJson, stage } from "../contestants.ts";
import type { Finding } from "../findings.ts";
import type { Measured } from "../measured.ts";
import { isChosen, type Settings } from "../measures.ts";
import { readClock, type RunClock } from "./clock.ts";
import { flawsOfShares, medianShares, type Shares, sharesOf } from "./shares.ts";
import { isQuiet, otherCores, waitForQuiet } from "../quiet.ts";
import { columns } from "../results.ts";
import { median } from "../statistics.ts";

const PRESET = "scenes", IMAGES = 2000;
/** As long as the preset's checkpoints are apart: the run has one, as each part of a longer run of that length has. */
const STEPS = 250, QUICK_STEPS = 4;
/** Runs that save so often would show it if checkpoints slowed down the steps after them. */
const OFTEN = 10, STEPS_OF_OFTEN = 100;

/** A run that was timed. */
interface TimedRun {
  readonly clock: RunClock;
  readonly shares: Shares;
  readonly other_cores: readonly [before: number | null, after: number | null];
}

/** The JSON line. */
interface OverheadResult extends Shares {
  readonly measure: "overhead";
  readonly case: string;
  readonly quick: boolean;
  readonly threads: number;
  readonly pairs: number;
  readonly quiet_pairs: number;
  readonly steps: number;
  /** How long steps take in a run that saves every {@link OFTEN} steps, over the same steps of the run beside it. */
  readonly step_ratio_often: number;
}

async function makeShards(folder: string): Promise<string> {
  const scenes = join(folder, "scenes"), shards = join(folder, "shards");
  const size = ["--count", `${IMAGES}`, "--size", "32"];
  await runForJson(stage("scenes", ["--out", scenes, ...size]));
  await runForJson(stage("shard", ["--images", scenes, "--out", shards]));
  return shards;
}

/** Seconds that the monitors of one step take. */
async function monitorSeconds(quick: boolean): Promise<number> {
  const { config } = resolveConfig({ preset: PRESET });
  const { encoder } = modelConfigOf(config);
  const [rows, across] = gridOf(encoder);
  const sizes = [config.run.batch, rows * across, encoder.width, ...quick ? [1, 1] : [20, 200]];
  return median(
    (await runForJson<Measured>(ours("overhead/monitors_process.ts", sizes.map(String)))).seconds,
  );
}

/** Trains as the stage does, in a process of its own. */
async function timeRun(
  run: string,
  { flags, monitors }: { readonly flags: readonly string[]; readonly monitors: number },
): Promise<TimedRun> {
  const before = await otherCores();
  const processStart = Date.now() / 1000;
  await runForJson(stage("pretrain", ["--preset", PRESET, "--out", run, ...flags]));
  const clock = await readClock(run, { processStart, processEnd: Date.now() / 1000 });
  const shares = sharesOf(clock, monitors);
  return { clock, shares, other_cores: [before, await otherCores()] };
}

/** The middle of the ratios of equal steps. */
function stepRatio(round: Readonly<Record<"default" | "often", TimedRun>>): number {
  const usual = round.default.clock.steps;
  return median(round.often.clock.steps.map((seconds, step) => seconds / usual[step]!));
}

function overheadTable(result: OverheadResult): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const title = `overhead ${result.case}: ${result.steps} steps, ${result.threads} threads, ` +
    `${result.quiet_pairs} of ${result.pairs} rounds quiet` +
    `${result.quick ? ", quick: the numbers mean nothing" : ""}`;
  const head = ["of a run", "waiting for images", "between steps", "after the last", "monitors"];
  const row = [
    `${result.train_seconds.toFixed(1)} s`,
    percent(result.data_wait_share),
    percent(result.between_share),
    percent(result.after_share),
    `at most ${percent(result.monitor_share)}`,
  ];
  const often = `steps of runs that save every ${OFTEN} steps take ` +
    `${result.step_ratio_often.toFixed(3)} times as long`;
  return [title, columns([head, row]), often].join("\n");
}

/** Rounds of a run as the preset has it and of one that saves often, by turns. */
async function measureRounds(settings: Settings) {
  const { threads, quick, pairs, patience, say } = settings;
  const folder = join(settings.folder, "overhead");
  await Deno.mkdir(folder);
  const shards = await makeShards(folder);
  const monitors = await monitorSeconds(quick);
  const kinds = {
    default: ["--steps", `${quick ? QUICK_STEPS : STEPS}`],
    often: ["--steps", `${quick ? QUICK_STEPS : STEPS_OF_OFTEN}`, "--checkpoint-steps", `${OFTEN}`],
  };
  const rounds: Record<keyof typeof kinds, TimedRun>[] = [];
  for (let round = 0; round < pairs; round++) {
    await waitForQuiet(patience, say);
    const runs: Partial<Record<keyof typeof kinds, TimedRun>> = {};
    const order = ["default", "often"] as const;
    for (const kind of round % 2 === 0 ? order : order.toReversed()) {
      say(`round ${round + 1} of ${pairs}: ${kind}`);
      const flags = ["--shards", shards, "--threads", `${threads}`, ...kinds[kind]];
      runs[kind] = await timeRun(join(folder, `${kind}-${round}`), { flags, monitors });
    }
    rounds.push(runs as Required<typeof runs>);
  }
  return { monitors, rounds };
}

export const OVERHEAD_CASE = `${PRESET}-32px`;

/** Shares of a run of the preset `scenes` that are no training. */
export async function* measureOverhead(settings: Settings): AsyncGenerator<Finding> {
  const { quick, threads, pairs } = settings;
  if (!isChosen(settings, OVERHEAD_CASE)) return;
  const { monitors, rounds } = await measureRounds(settings);
  const quiet = rounds.filter((round) =>
    Object.values(round).every((run) => run.other_cores.every(isQuiet))
  );
  const used = quiet.length > 0 ? quiet : rounds;
  const result: OverheadResult = {
    measure: "overhead",
    case: OVERHEAD_CASE,
    quick,
    threads,
    pairs,
    quiet_pairs: quiet.length,
    steps: rounds[0]!.default.clock.steps.length,
    ...medianShares(used.map((round) => round.default.shares)),
    step_ratio_often: median(used.map(stepRatio)),
  };
  yield {
    result,
    table: overheadTable(result),
    details: { monitor_seconds: monitors, rounds },
    failures: quick ? [] : flawsOfShares(result),
  };
}
