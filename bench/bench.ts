/**
 * Measures this project against PyTorch and transformers: `deno task bench [MEASURE...]`. What is measured and how is in
 * docs/performance.md.
 */
import { join } from "node:path";
import { parseFlags } from "../lib/cli/mod.ts";
import { Failure } from "../lib/failure.ts";
import { suggestion } from "../lib/nearest.ts";
import { writeFileAtomically } from "../lib/files/mod.ts";
import { preparePeers, ROOT } from "./contestants.ts";
import { measureFeatures } from "./features.ts";
import type { Settings } from "./measures.ts";
import { type Kept, newRunPath, resultTable, thisCommit, thisMachine } from "./results.ts";
import { measureStartUp, measureSteps } from "./steps.ts";

const MEASURES: Readonly<Record<string, (settings: Settings) => AsyncIterable<Kept>>> = {
  step: measureSteps,
  features: measureFeatures,
  "start-up": measureStartUp,
};

const FLAGS = {
  pairs: { type: "integer", min: 1, default: 5, help: "rounds in which contestants take turns" },
  threads: { type: "integer", min: 1, default: 2, help: "threads of every contestant" },
  case: { type: "list", help: "only these cases of a measure, all by default" },
  quick: { type: "boolean", help: "one round of few repetitions, to see that it works" },
  alone: { type: "boolean", help: "without peers" },
  out: { type: "string", help: "file for the results, below bench/runs by default" },
} as const;

/** Names of measures, then flags. @throws {Failure} `usage` */
function parseCommandLine(args: readonly string[]) {
  const firstFlag = args.findIndex((arg) => arg.startsWith("-"));
  const end = firstFlag < 0 ? args.length : firstFlag;
  const known = Object.keys(MEASURES);
  for (const name of args.slice(0, end)) {
    if (known.includes(name)) continue;
    throw new Failure("usage", `Cannot measure "${name}"${suggestion(name, known)}`);
  }
  const names = end === 0 ? known : args.slice(0, end);
  return { names, options: parseFlags(FLAGS, args.slice(end)) };
}

async function bench(args: readonly string[]): Promise<void> {
  const { names, options: { out, ...options } } = parseCommandLine(args);
  const machine = thisMachine(), started = new Date();
  const code = await thisCommit();
  if (!options.alone) await preparePeers();
  const folder = await Deno.makeTempDir({ prefix: "ijepa-bench-" });
  const kept: Kept[] = [];
  try {
    const pairs = options.quick ? 1 : options.pairs;
    for (const name of names) {
      const say = (text: string) => console.error(`bench: ${name}: ${text}`);
      for await (const each of MEASURES[name]!({ ...options, pairs, folder, say })) {
        kept.push(each);
        console.log(JSON.stringify(each.result));
        console.error(resultTable(each.result) + "\n");
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  if (out === undefined && options.quick) return;
  const path = out ?? await newRunPath(join(ROOT, "bench/runs"), machine, started);
  const record = {
    format: "ijepa-bench",
    version: 1,
    date: started.toISOString(),
    ...code,
    command: ["deno task bench", ...args].join(" "),
    deno: Deno.version.deno,
    machine,
    measures: kept,
  };
  await writeFileAtomically(path, JSON.stringify(record, null, 1) + "\n");
  console.error(`bench: wrote "${path}"`);
}

if (import.meta.main) {
  try {
    await bench(Deno.args);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(1);
  }
}
