/** Tunes and scores a logistic probe, reading included: `process.ts FOLDER THREADS WARM_UP TIMED`. */
import { join } from "node:path";
import { readFeatures } from "../../lib/formats/arrow.ts";
import { probeFeatures } from "../../lib/probe/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { measure } from "../measured.ts";

const [folder, ...numbers] = Deno.args as [string, ...string[]];
const [threads, warmUp, timed] = numbers.map(Number) as [number, number, number];
const runtime = await createRuntime("auto", { threads });

async function readNamed(path: string) {
  return { path, features: await readFeatures(path) };
}

await measure(async () => {
  const train = await readNamed(join(folder, "train.arrow"));
  const test = await readNamed(join(folder, "test.arrow"));
  const choices = { label: undefined, task: undefined, method: "logistic" } as const;
  const { metrics } = await probeFeatures(train, test, { choices, seed: 0, runtime });
  return metrics.labels[0]!.methods[0]!.score;
}, { warmUp, timed, library: runtime.description });
