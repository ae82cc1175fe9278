/** What the step must reach, as kept in bench/baseline.json, and whether it does. */
import { join } from "node:path";
import { writeFileAtomically } from "../../lib/files/mod.ts";
import { ROOT } from "../contestants.ts";

/** Ratios, which say the same on faster and slower machines of a kind. */
export interface Reach {
  /** Rate of the step's matrix products over that of large ones. */
  readonly gemm_share: number;
  /** Peak memory of the process over the bytes of state and inputs; `null` where the system does not report it. */
  readonly memory_ratio: number | null;
}

/** What a machine has reached. */
export interface Entry extends Reach {
  /** Each has memory of its own. */
  readonly threads: number;
  readonly date: string;
  readonly commit: string | null;
}

/** `bench/baseline.json` */
export interface Baseline {
  readonly format: "ijepa-bench-baseline";
  readonly version: 1;
  /** By `machineSlug`. */
  readonly machines: Readonly<Record<string, Entry>>;
  /** For all other machines: what any must reach, without tolerance. */
  readonly floor: Reach & { readonly threads: number };
}

/** Noise of a share, and of the memory that the library's pieces take. */
export const TOLERANCE = 0.15;

const PATH = join(ROOT, "bench/baseline.json");

export async function readBaseline(): Promise<Baseline> {
  return JSON.parse(await Deno.readTextFile(PATH)) as Baseline;
}

/** Keeps an entry for a kind of machine. */
export async function keepEntry(baseline: Baseline, slug: string, entry: Entry): Promise<void> {
  const machines = { ...baseline.machines, [slug]: entry };
  await writeFileAtomically(PATH, JSON.stringify({ ...baseline, machines }, null, 2) + "\n");
}

/** The least share and the largest memory that pass, and where they come from. */
export interface Bars extends Reach {
  readonly threads: number;
  readonly origin: string;
}

/** The bars for a kind of machine: its entry with {@link TOLERANCE}, or else the floor. */
export function barsFor({ machines, floor }: Baseline, slug: string): Bars {
  const entry = Object.hasOwn(machines, slug) ? machines[slug] : undefined;
  if (entry === undefined) {
    return { ...floor, origin: `the floor for machines without an entry, as "${slug}" is` };
  }
  const { gemm_share, memory_ratio, threads } = entry;
  return {
    gemm_share: gemm_share * (1 - TOLERANCE),
    memory_ratio: memory_ratio === null ? null : memory_ratio * (1 + TOLERANCE),
    threads,
    origin: `15 % from what "${slug}" has reached`,
  };
}

/** What was looked at, and a sentence for each bar that was missed. */
export interface Verdict {
  readonly passed: number;
  readonly failures: readonly string[];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

const REMEDY = 'find what has changed it, or keep it with "deno task bench check --update"';

/** Compares with the bars. @param got `gemm_share` is `undefined` where the machine was never quiet */
export function judge(
  got: { readonly gemm_share: number | undefined; readonly memory_ratio: number | null },
  bars: Bars,
): Verdict {
  const failures: string[] = [];
  let looked = 0;
  if (got.gemm_share !== undefined) {
    looked++;
    if (!(got.gemm_share >= bars.gemm_share)) {
      failures.push(
        `Step 32px is too slow: wanted at least ${percent(bars.gemm_share)} of the rate of large ` +
          `products (${bars.origin}), got ${percent(got.gemm_share)}, ${REMEDY}`,
      );
    }
  }
  if (got.memory_ratio !== null && bars.memory_ratio !== null) {
    looked++;
    if (!(got.memory_ratio <= bars.memory_ratio)) {
      failures.push(
        `Step 32px takes too much memory: wanted a peak of at most ${
          bars.memory_ratio.toFixed(1)
        } times state and inputs (${bars.origin}), got ${got.memory_ratio.toFixed(1)}, ${REMEDY}`,
      );
    }
  }
  return { passed: looked - failures.length, failures };
}
