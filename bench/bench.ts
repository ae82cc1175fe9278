/**
 * Measures this project against PyTorch and transformers: `deno task bench [MEASURE...]`. What is measured and how is in
 * docs/performance.md.
 */
import { join } from "node:path";
import { describeFlags, parseFlags } from "../lib/cli/mod.ts";
import { Failure } from "../lib/failure.ts";
import { suggestion } from "../lib/nearest.ts";
import { writeFileAtomically } from "../lib/files/mod.ts";
import { check } from "./check/check.ts";
import { preparePeers, ROOT } from "./contestants.ts";
import { FEATURES_CASE, measureFeatures } from "./features/measure.ts";
import type { Finding } from "./findings.ts";
import { GROWTH_CASES, measureGrowth } from "./growth/measure.ts";
import { LOADER_CASES, measureLoaders } from "./loader/measure.ts";
import type { Settings } from "./measures.ts";
import { measureOverhead, OVERHEAD_CASE } from "./overhead/measure.ts";
import { measureProbes, PROBE_CASES } from "./probe/measure.ts";
import { type Kept, newRunPath, resultTable, thisCommit, thisMachine } from "./results.ts";
import { STEP_CASES } from "./step/cases.ts";
import { measureStartUp, measureSteps } from "./step/measure.ts";

/** What can be measured. */
interface Measure {
  run(settings: Settings): AsyncIterable<Kept | Finding>;
  readonly cases: readonly string[];
}

const STEPS = STEP_CASES.map(({ name }) => name);
const MEASURES: Readonly<Record<string, Measure>> = {
  step: { run: measureSteps, cases: STEPS },
  features: { run: measureFeatures, cases: [FEATURES_CASE] },
  loader: { run: measureLoaders, cases: Object.keys(LOADER_CASES) },
  probe: { run: measureProbes, cases: Object.keys(PROBE_CASES) },
  "start-up": { run: measureStartUp, cases: STEPS },
  growth: { run: measureGrowth, cases: GROWTH_CASES },
  overhead: { run: measureOverhead, cases: [OVERHEAD_CASE] },
};

const FLAGS = {
  pairs: {
    type: "integer",
    min: 1,
    max: 1000,
    default: 5,
    help: "rounds in which contestants take turns",
  },
  threads: { type: "integer", min: 1, max: 1024, default: 2, help: "threads of every contestant" },
  patience: {
    type: "integer",
    min: 0,
    max: 86_400,
    default: 0,
    help: "seconds to wait for a quiet machine before each round",
  },
  case: { type: "list", help: "only these cases of a measure, all by default" },
  quick: { type: "boolean", help: "one round of few repetitions, to see that it works" },
  alone: { type: "boolean", help: "without peers" },
  out: { type: "string", help: "file for the results, below bench/runs by default" },
} as const;

function helpText(): string {
  return [
    "deno task bench [MEASURE...] [flags]: speed and memory beside PyTorch and other peers, in turns",
    "deno task bench check [--update]: is the step as fast and as small as bench/baseline.json says?",
    "",
    `Measures: ${Object.keys(MEASURES).join(", ")}; all by default.`,
    "",
    "Flags:",
    describeFlags(FLAGS),
    "",
    "Writes bench/runs/DATE-MACHINE.json, one JSON line per case to stdout, tables to stderr. Peers run in a Python",
    "environment below runs/ that the first call makes. What the numbers mean: docs/performance.md.",
    "",
    "Examples:",
    "  deno task bench step --case 32px --pairs 3",
    "  deno task bench features loader --alone",
  ].join("\n");
}

/** Names of measures, then flags. @throws {Failure} `usage` */
function parseCommandLine(args: readonly string[]) {
  const firstFlag = args.findIndex((arg) => arg.startsWith("-"));
  const end = firstFlag < 0 ? args.length : firstFlag;
  const known = Object.keys(MEASURES);
  for (const name of args.slice(0, end)) {
    if (known.includes(name)) continue;
    throw new Failure("usage", `Cannot measure "${name}"${suggestion(name, [...known, "check"])}`);
  }
  const names = end === 0 ? known : args.slice(0, end);
  const options = parseFlags(FLAGS, args.slice(end));
  const cases = [...new Set(names.flatMap((name) => MEASURES[name]!.cases))];
  for (const name of options.case) {
    if (cases.includes(name)) continue;
    throw new Failure(
      "usage",
      `Cannot measure --case "${name}" of ${names.join(", ")}${suggestion(name, cases)}`,
    );
  }
  return { names, options };
}

/** Where the results go; quick ones are kept only with --out. */
async function pathOf(
  { out, quick }: { readonly out: string | undefined; readonly quick: boolean },
  started: Date,
): Promise<string | undefined> {
  if (out !== undefined || quick) return out;
  const folder = join(ROOT, "bench/runs");
  await Deno.mkdir(folder, { recursive: true });
  return await newRunPath(folder, thisMachine(), started);
}

/** Measures beside peers have no bars to miss. */
function withTable(each: Kept | Finding) {
  return "table" in each ? each : { ...each, table: resultTable(each.result), failures: [] };
}

/** @returns sentences about what is worse than it should be */
async function bench(args: readonly string[]): Promise<readonly string[]> {
  const { names, options: { out, ...options } } = parseCommandLine(args);
  const started = new Date();
  const record = {
    format: "ijepa-bench",
    version: 1,
    date: started.toISOString(),
    ...await thisCommit(),
    command: ["deno task bench", ...args].join(" "),
    deno: Deno.version.deno,
    machine: thisMachine(),
  };
  const path = await pathOf({ out, quick: options.quick }, started);
  if (!options.alone) await preparePeers();
  const folder = await Deno.makeTempDir({ prefix: "ijepa-bench-" });
  const measures: object[] = [], failures: string[] = [];
  try {
    const pairs = options.quick ? 1 : options.pairs;
    for (const name of names) {
      const say = (text: string) => console.error(`bench: ${name}: ${text}`);
      for await (const each of MEASURES[name]!.run({ ...options, pairs, folder, say })) {
        const { table, ...kept } = withTable(each);
        measures.push(kept);
        failures.push(...kept.failures);
        console.log(JSON.stringify(kept.result));
        console.error(table + "\n");
        if (path === undefined) continue;
        // After each case: a command that is stopped keeps what is done.
        await writeFileAtomically(path, JSON.stringify({ ...record, measures }, null, 1) + "\n");
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  if (path !== undefined) console.error(`bench: wrote "${path}"`);
  return failures;
}

if (import.meta.main) {
  if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
    console.log(helpText());
    Deno.exit(0);
  }
  try {
    const [first, ...rest] = Deno.args;
    const failures = await (first === "check" ? check(rest) : bench(Deno.args));
    for (const failure of failures) console.error(`bench: ${failure}`);
    Deno.exit(failures.length === 0 ? 0 : 1);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(1);
  }
}
