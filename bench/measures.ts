/** What all measures have in common. */
import { type Contestant, ours, peer, type Run, runForJson, takeTurns } from "./contestants.ts";
import type { ProductRates } from "./products/process.ts";
import { isQuiet, waitForQuiet } from "./quiet.ts";
import type { Kept, Result } from "./results.ts";
import { median, peerReached, type Reached, reached } from "./statistics.ts";

/** How to measure. */
export interface Settings {
  readonly pairs: number;
  readonly threads: number;
  readonly quick: boolean;
  /** How long to wait for a quiet machine before each round, seconds. */
  readonly patience: number;
  /** Without peers. */
  readonly alone: boolean;
  /** Names of cases; empty for all. */
  readonly case: readonly string[];
  /** A folder for files that contestants read. */
  readonly folder: string;
  say(text: string): void;
}

/** Whether a case is to be measured: all are unless some are named. */
export function isChosen({ case: names }: Settings, name: string): boolean {
  return names.length === 0 || names.includes(name);
}

/** One case of a measure. */
export interface Task {
  readonly measure: string;
  readonly case: string;
  /** Images per repetition. */
  readonly images: number;
  /** Operations of the matrix products of each timed repetition, where those are the work. */
  readonly flops?: readonly number[];
  /** This project's first. */
  readonly contestants: readonly Contestant[];
  /** The larger, the better; images per second by default. */
  better?(run: Run): number;
  /** Fails when contestants have not done the same. */
  expectSame(runs: Readonly<Record<string, readonly Run[]>>): void;
}

const LIMIT_SECONDS = 2, QUICK_LIMIT_SECONDS = 0.2;

/** Rates of large matrix products on this machine, in 1e9 operations per second. */
type Rates = ProductRates & {
  /** By PyTorch, where peers are measured. */
  readonly pytorch_gflops?: number;
};

/** As measured now. The peer multiplies matrices of the same size. */
async function productRates({ threads, quick, alone }: Settings): Promise<Rates> {
  const args = [`${threads}`, `${quick ? QUICK_LIMIT_SECONDS : LIMIT_SECONDS}`];
  const rates = await runForJson<ProductRates>(ours("products/process.ts", args));
  if (alone) return rates;
  const theirs = peer("PyTorch's products", ["products.py", ...args, `${rates.side}`]);
  const { gflops } = await runForJson<{ readonly gflops: number }>(theirs);
  return { ...rates, pytorch_gflops: gflops };
}

/** The most of all of them: what the machine can do. */
function limitOf(rates: Rates): number {
  const { one_session_gflops, session_per_thread_gflops, pytorch_gflops = 0 } = rates;
  return Math.max(one_session_gflops, session_per_thread_gflops, pytorch_gflops);
}

type Runs = Readonly<Record<string, readonly Run[]>>;

/** Numbers of the rounds in which nothing else took part of the machine. */
export function quietRounds(runs: Runs): readonly number[] {
  const all = Object.values(runs);
  return all[0]!.map((_, round) => round)
    .filter((round) => all.every((each) => each[round]!.other_cores.every(isQuiet)));
}

/** What follows from the quiet rounds, or from all where none was quiet. */
function summarise(
  { images, flops, better }: Task,
  runs: Runs,
  gemmLimits: readonly number[],
): Pick<Result, keyof Reached | "quiet_pairs" | "gemm_limit_gflops" | "peers"> {
  const quiet = quietRounds(runs);
  const rounds = quiet.length > 0 ? quiet : Object.values(runs)[0]!.map((_, round) => round);
  const limits = rounds.map((round) => gemmLimits[round]!);
  const work = { images, products: flops && { flops, gemmLimits: limits } };
  const used = Object.entries(runs)
    .map(([name, each]) => [name, rounds.map((round) => each[round]!)] as const);
  const our = used[0]![1];
  const peers = used.slice(1)
    .map(([name, theirs]) => [name, peerReached(theirs, our, work, better)]);
  return {
    quiet_pairs: quiet.length,
    ...reached(our, work),
    gemm_limit_gflops: flops ? median(limits) : null,
    peers: Object.fromEntries(peers),
  };
}

/** Rounds of all contestants; where the work is matrix products, with the rate of large ones measured before each. */
export async function measureTask(task: Task, settings: Settings): Promise<Kept> {
  const { pairs, threads, quick, patience, say } = settings;
  const sayOfCase = (text: string) => say(`${task.case}, ${text}`);
  const products: Rates[] = [];
  const runs = await takeTurns(task.contestants, {
    pairs,
    async before() {
      await waitForQuiet(patience, sayOfCase);
      if (task.flops) products.push(await productRates(settings));
    },
    say: sayOfCase,
  });
  task.expectSame(runs);
  const gemmLimits = products.map(limitOf);
  const { measure, case: name, flops } = task;
  const result: Result = {
    measure,
    case: name,
    quick,
    threads,
    pairs,
    ...summarise(task, runs, gemmLimits),
  };
  return { result, runs, details: flops ? { products, flops_per_repetition: flops } : {} };
}
