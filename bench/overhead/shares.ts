/** Which share of a run is no training. */
import { median } from "../statistics.ts";
import type { RunClock } from "./clock.ts";

/** Shares of the time from the start of the first step to the end of the process. */
export interface Shares {
  /** That time, seconds. */
  readonly train_seconds: number;
  /** Everything before it: the process, the shards, the first compilation. */
  readonly start_seconds: number;
  /** Within steps, waiting for images. */
  readonly data_wait_share: number;
  /** Between two steps: metrics, events, progress, alarms, all checkpoints but the last one. */
  readonly between_share: number;
  /** After the last step: the last checkpoint, the receipt, the end of threads and process. */
  readonly after_share: number;
  /** Within steps, computing the monitors; at most, see bench/overhead/monitors_process.ts. */
  readonly monitor_share: number;
  /** The last three together. */
  readonly overhead_share: number;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/**
 * Takes the wall clock apart. What is not inside a step is overhead, whatever it was: nothing has to be known about it
 * to be counted.
 *
 * @param monitorSeconds computing the monitors of one step
 */
export function sharesOf(clock: RunClock, monitorSeconds: number): Shares {
  const { processStart, processEnd, recorded, steps, waits } = clock;
  // The first record is written right after the first step.
  const start = recorded[0]! - steps[0]!, total = processEnd - start;
  const between = recorded.at(-1)! - start - sum(steps), after = processEnd - recorded.at(-1)!;
  const monitors = monitorSeconds * steps.length;
  return {
    train_seconds: total,
    start_seconds: start - processStart,
    data_wait_share: sum(waits) / total,
    between_share: between / total,
    after_share: after / total,
    monitor_share: monitors / total,
    overhead_share: (between + after + monitors) / total,
  };
}

/** The middle of each share over several runs. @param all at least one */
export function medianShares(all: readonly Shares[]): Shares {
  const names = Object.keys(all[0]!) as (keyof Shares)[];
  const entries = names.map((name) => [name, median(all.map((each) => each[name]))]);
  return Object.fromEntries(entries) as unknown as Shares;
}

/** Largest shares that are accepted. */
export const OVERHEAD_BAR = 0.03, DATA_WAIT_BAR = 0.03;

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Sentences about shares that are too large. */
export function flawsOfShares({ overhead_share, data_wait_share, ...parts }: Shares): string[] {
  const flaws: string[] = [];
  if (!(overhead_share < OVERHEAD_BAR)) {
    flaws.push(
      `Monitors, checkpoints and logging take too much of a run: wanted less than ${
        percent(OVERHEAD_BAR)
      }, got ${percent(overhead_share)} (${percent(parts.between_share)} between steps, ${
        percent(parts.after_share)
      } after the last, ${percent(parts.monitor_share)} monitors), see what grew in lib/run`,
    );
  }
  if (!(data_wait_share <= DATA_WAIT_BAR)) {
    flaws.push(
      `Training waits too long for images: wanted at most ${percent(DATA_WAIT_BAR)} of a run, got ${
        percent(data_wait_share)
      }, see what grew in lib/data or lib/images`,
    );
  }
  return flaws;
}
