/** The measure of the logistic probe: its whole grid of strengths, on made features. */
import { join } from "node:path";
import { expectAgreement, ours, peer } from "../contestants.ts";
import { isChosen, measureTask, type Settings } from "../measures.ts";
import { type MadeSizes, makeFeatures } from "./made_features.ts";
import type { Kept } from "../results.ts";

const SIZES = { trainRows: 50_000, testRows: 10_000, width: 384, classes: 10 } as const;
const QUICK_SIZES = { trainRows: 2_000, testRows: 1_000, width: 16, classes: 4 } as const;

/** Axes of all the same variance, and variances that fall like 1/i, as those of networks do. */
export const PROBE_CASES: Readonly<Record<string, Pick<MadeSizes, "decay">>> = {
  "50k-alike": { decay: 0 },
  "50k-correlated": { decay: 1 },
};

/** Accuracies: a grid may be best at two strengths. */
const TOLERANCE = 5e-3;

/** scikit-learn is at its best on one thread: more wait for each other, see docs/performance.md. */
const ONE_THREAD = { OMP_NUM_THREADS: "1" };

/** Images, a row each, per second of reading, tuning and scoring. */
export async function* measureProbes(settings: Settings): AsyncGenerator<Kept> {
  const { quick, alone, threads, folder } = settings;
  for (const [name, { decay }] of Object.entries(PROBE_CASES)) {
    if (!isChosen(settings, name)) continue;
    const sizes = quick ? QUICK_SIZES : SIZES;
    const work = join(folder, `probe-${name}`);
    await makeFeatures(work, { ...sizes, decay });
    const [warmUp, timed] = [0, 1].map(String) as [string, string];
    const peers = alone ? [] : [
      peer("scikit-learn", ["probe.py", work, "cold", warmUp, timed], ONE_THREAD),
      peer("scikit-learn, warm starts", ["probe.py", work, "warm", warmUp, timed], ONE_THREAD),
    ];
    yield await measureTask({
      measure: "probe",
      case: name,
      images: sizes.trainRows,
      contestants: [ours("probe/process.ts", [work, `${threads}`, warmUp, timed]), ...peers],
      expectSame: (runs) => expectAgreement(runs, TOLERANCE),
    }, settings);
  }
}
