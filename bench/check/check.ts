/** Whether the step is still as fast and as small as kept: `deno task bench check [--update]`. */
import { parseFlags } from "../../lib/cli/mod.ts";
import { sizeOf } from "../../lib/tensor.ts";
import { stateShapes } from "../../lib/training/state.ts";
import { barsFor, judge, keepEntry, type Reach, readBaseline } from "./baseline.ts";
import { measureTask, type Settings } from "../measures.ts";
import { machineSlug, type Result, thisCommit, thisMachine } from "../results.ts";
import { STEP_CASES, type StepCase } from "../step/cases.ts";
import { stepTask } from "../step/measure.ts";

const CASE = "32px";
const STEPS = { warmUpSteps: 2, timedSteps: 6 };
/** Quiet rounds that are enough, and rounds at most to find them. */
const QUIET_ROUNDS = 3, MOST_ROUNDS = 5;

const FLAGS = {
  update: { type: "boolean", help: "keep what is measured for this kind of machine" },
  threads: {
    type: "integer",
    min: 1,
    max: 1024,
    help: "with --update: threads to measure with from now on",
  },
} as const;

/** Bytes of the training state, the images and the masks of a step. */
export function workBytes({ step, masksOf }: StepCase): number {
  const { model, batch } = step;
  const [height, width] = model.encoder.imageSize;
  const state = Object.values(stateShapes(model))
    .reduce((total, shape) => total + sizeOf(shape), 0);
  const { context, targets } = masksOf(0);
  return 4 * (state + 3 * batch * height * width + context.length + targets.length);
}

/**
 * The best step over the best rate of large products: other programs only ever slow down either, so the best of several
 * rounds are nearest to what the code can do. Memory is the largest.
 *
 * @param rounds one of each; only quiet ones count for the share
 */
export function reachOf(
  rounds: readonly Pick<
    Result,
    "quiet_pairs" | "gflops" | "gemm_limit_gflops" | "peak_memory_bytes"
  >[],
  bytes: number,
): { readonly gemm_share: number | undefined; readonly memory_ratio: number | null } {
  const quiet = rounds.filter(({ quiet_pairs }) => quiet_pairs > 0);
  const gemm_share = Math.max(...quiet.map(({ gflops }) => gflops ?? 0)) /
    Math.max(...quiet.map(({ gemm_limit_gflops }) => gemm_limit_gflops ?? 0));
  const peaks = rounds.map(({ peak_memory_bytes }) => peak_memory_bytes);
  return {
    gemm_share: quiet.length > 0 ? gemm_share : undefined,
    memory_ratio: peaks.includes(null) ? null : Math.max(...peaks as number[]) / bytes,
  };
}

/** Rounds of the step until enough of them were quiet. */
async function measureRounds(stepCase: StepCase, settings: Settings): Promise<readonly Result[]> {
  const task = await stepTask("check", stepCase, { ...settings, ...STEPS });
  const rounds: Result[] = [];
  for (let quiet = 0; quiet < QUIET_ROUNDS && rounds.length < MOST_ROUNDS;) {
    const { result } = await measureTask(task, settings);
    rounds.push(result);
    quiet += result.quiet_pairs;
  }
  return rounds;
}

/**
 * Compares the step with bench/baseline.json, or updates that.
 *
 * @returns sentences about what is worse than kept
 * @throws {Failure} `usage`
 */
export async function check(args: readonly string[]): Promise<readonly string[]> {
  const options = parseFlags(FLAGS, args);
  const baseline = await readBaseline(), slug = machineSlug(thisMachine());
  const bars = barsFor(baseline, slug);
  const threads = (options.update ? options.threads : undefined) ?? bars.threads;
  const stepCase = STEP_CASES.find(({ name }) => name === CASE)!;
  const folder = await Deno.makeTempDir({ prefix: "ijepa-bench-" });
  const say = (text: string) => console.error(`bench: check: ${text}`);
  try {
    const settings = { pairs: 1, threads, quick: false, patience: 0, alone: true, case: [CASE] };
    const rounds = await measureRounds(stepCase, { ...settings, folder, say });
    const got = reachOf(rounds, workBytes(stepCase));
    console.log(JSON.stringify({ measure: "check", case: CASE, machine: slug, threads, ...got }));
    if (got.gemm_share === undefined) say("other programs took part of the machine all the time");
    if (options.update) return await update(got as Reach, { slug, threads });
    const { passed, failures } = judge(got, bars);
    if (got.gemm_share === undefined) say("so only memory was checked, not the share");
    console.error(`check: ${passed} passed, ${failures.length} failed`);
    return failures;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }

  async function update(
    reach: Partial<Reach>,
    { slug, threads }: { slug: string; threads: number },
  ) {
    if (reach.gemm_share === undefined) {
      return ["Cannot keep the share: wanted a quiet machine, got none, try again later"];
    }
    const date = new Date().toISOString().slice(0, 10), { commit } = await thisCommit();
    const { gemm_share, memory_ratio = null } = reach;
    await keepEntry(baseline, slug, { threads, gemm_share, memory_ratio, date, commit });
    return [];
  }
}
