/** Two works that are counted, for the test of `withLateProgress`: a short one, then one of some seconds. */
import { withLateProgress } from "../../lib/cli/mod.ts";

await withLateProgress(
  { stage: "count", label: "counting", unit: "kB", perUnit: 1000 },
  async (onProgress) => {
    onProgress(0, 1500);
    onProgress(1500, 1500);
    onProgress(0, 4500);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    onProgress(2500, 4500);
    onProgress(4500, 4500);
  },
);
