/** What a measured process prints on stdout, as one line of JSON. */

/** Of both sides; Python writes the same names. */
export interface Measured {
  /** When the first result was there, seconds since 1970: with the start of the process, the start-up. */
  readonly first_result_at: number;
  /** Of each timed repetition. */
  readonly seconds: readonly number[];
  /** Of the repetitions before those; the first ones may compile. */
  readonly warm_up_seconds: readonly number[];
  /** Most memory that the process ever held; `null` where the system does not report it. */
  readonly peak_memory_bytes: number | null;
  /** A value that all contestants must agree on, for each repetition. */
  readonly check: readonly number[];
  /** Library and version that did the work. */
  readonly library: string;
}

/** Most memory that this process has held so far. Needs `--allow-run=cat`: only others may read about a process. */
async function peakMemoryBytes(): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  const args = [`/proc/${Deno.pid}/status`];
  const { stdout } = await new Deno.Command("cat", { args }).output();
  const [, kibibytes] = new TextDecoder().decode(stdout).match(/^VmHWM:\s*(\d+) kB$/m)!;
  return 1024 * Number(kibibytes);
}

/** Repeats some work, times each repetition, prints what was measured, and ends the process. */
export async function measure(
  repeat: (index: number) => Promise<number>,
  { warmUp, timed, library }: {
    readonly warmUp: number;
    readonly timed: number;
    readonly library: string;
  },
): Promise<never> {
  const seconds: number[] = [], check: number[] = [];
  let firstResultAt = 0;
  for (let index = 0; index < warmUp + timed; index++) {
    const start = performance.now();
    check.push(await repeat(index));
    seconds.push((performance.now() - start) / 1000);
    if (index === 0) firstResultAt = Date.now() / 1000;
  }
  const measured: Measured = {
    first_result_at: firstResultAt,
    seconds: seconds.slice(warmUp),
    warm_up_seconds: seconds.slice(0, warmUp),
    peak_memory_bytes: await peakMemoryBytes(),
    check,
    library,
  };
  console.log(JSON.stringify(measured));
  Deno.exit(0);
}
