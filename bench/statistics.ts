/** Medians and ratios of what was measured. */
import type { Run } from "./contestants.ts";

/** @throws {RangeError} there are no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take a median: wanted values, got none");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** What one contestant reached; medians over its runs, and of each run over its repetitions. */
export interface Reached {
  readonly images_per_second: number;
  /** `null` where the work is not matrix products. */
  readonly gflops: number | null;
  /** `gflops` over the rate at which the machine multiplies large matrices. */
  readonly gemm_share: number | null;
  /** Of the run that took most. */
  readonly peak_memory_bytes: number | null;
  readonly first_useful_step_seconds: number;
  readonly library: string;
}

/** What a peer reached, and how many times as fast this project is, in each round and in the median. */
export interface PeerReached extends Reached {
  readonly ratios: readonly number[];
  readonly ratio: number;
}

/** What is known of the work in advance. */
export interface Work {
  /** Images per repetition. */
  readonly images: number;
  /** Of work that is matrix products. */
  readonly products?: {
    /** Operations of each timed repetition. */
    readonly flops: readonly number[];
    /** Measured rate of large products before each round, 1e9 operations per second. */
    readonly gemmLimits: readonly number[];
  } | undefined;
}

/** Median images per second of a run. */
export function imagesPerSecond({ seconds }: Pick<Run, "seconds">, images: number): number {
  return images / median(seconds);
}

function productRate(
  runs: readonly Run[],
  { flops, gemmLimits }: NonNullable<Work["products"]>,
): Pick<Reached, "gflops" | "gemm_share"> {
  const rates = runs.map(({ seconds }) => median(seconds.map((s, i) => flops[i]! / s / 1e9)));
  return {
    gflops: median(rates),
    gemm_share: median(rates.map((rate, round) => rate / gemmLimits[round]!)),
  };
}

export function reached(runs: readonly Run[], { images, products }: Work): Reached {
  const peaks = runs.map(({ peak_memory_bytes }) => peak_memory_bytes);
  return {
    images_per_second: median(runs.map((run) => imagesPerSecond(run, images))),
    ...products ? productRate(runs, products) : { gflops: null, gemm_share: null },
    peak_memory_bytes: peaks.includes(null) ? null : Math.max(...peaks as number[]),
    first_useful_step_seconds: median(runs.map((run) => run.first_useful_step_seconds)),
    library: runs[0]!.library,
  };
}

/** Compares a peer with this project, round by round. @param better the larger, the better; by default images per second */
export function peerReached(
  runs: readonly Run[],
  our: readonly Run[],
  work: Work,
  better: (run: Run) => number = (run) => imagesPerSecond(run, work.images),
): PeerReached {
  const ratios = runs.map((run, round) => better(our[round]!) / better(run));
  return { ...reached(runs, work), ratios, ratio: median(ratios) };
}
