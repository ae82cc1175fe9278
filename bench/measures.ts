/** What all measures have in common. */
import { type Contestant, ours, type Run, runForJson, takeTurns } from "./contestants.ts";
import type { ProductRates } from "./measure/products.ts";
import type { Kept } from "./results.ts";
import { median, peerReached, reached } from "./statistics.ts";

/** How to measure. */
export interface Settings {
  readonly pairs: number;
  readonly threads: number;
  readonly quick: boolean;
  /** Without peers. */
  readonly alone: boolean;
  /** Names of cases; empty for all. */
  readonly case: readonly string[];
  /** A folder for files that contestants read. */
  readonly folder: string;
  say(text: string): void;
}

/** One case of a measure. */
export interface Task {
  readonly measure: string;
  readonly case: string;
  /** Images per repetition. */
  readonly images: number;
  /** Operations of the matrix products of each timed repetition. */
  readonly flops: readonly number[];
  /** This project's first. */
  readonly contestants: readonly Contestant[];
  /** The larger, the better; images per second by default. */
  better?(run: Run): number;
  /** Fails when contestants have not done the same. */
  expectSame(runs: Readonly<Record<string, readonly Run[]>>): void;
}

const LIMIT_SECONDS = 2, QUICK_LIMIT_SECONDS = 0.2;

/** The rates of large matrix products on this machine, now. */
async function productRates({ threads, quick }: Settings): Promise<ProductRates> {
  const seconds = quick ? QUICK_LIMIT_SECONDS : LIMIT_SECONDS;
  return await runForJson<ProductRates>(ours("products.ts", [`${threads}`, `${seconds}`]));
}

/** Rounds of all contestants, with the rate of large matrix products measured before each. */
export async function measureTask(task: Task, settings: Settings): Promise<Kept> {
  const { pairs, threads, quick, say } = settings;
  const products: ProductRates[] = [];
  const runs = await takeTurns(task.contestants, {
    pairs,
    before: async () => void products.push(await productRates(settings)),
    say: (text) => say(`${task.case}, ${text}`),
  });
  task.expectSame(runs);
  const gemmLimits = products.map((each) =>
    Math.max(each.one_session_gflops, each.session_per_thread_gflops)
  );
  const work = { images: task.images, flops: task.flops, gemmLimits };
  const { ours: our = [], ...others } = runs;
  const peers = Object.entries(others)
    .map(([name, theirs]) => [name, peerReached(theirs, our, work, task.better)]);
  const result = {
    measure: task.measure,
    case: task.case,
    quick,
    threads,
    pairs,
    ...reached(our, work),
    gemm_limit_gflops: median(gemmLimits),
    peers: Object.fromEntries(peers),
  };
  return { result, runs, details: { products, flops_per_repetition: task.flops } };
}
