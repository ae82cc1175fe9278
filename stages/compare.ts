/** Several probes → one table. See `deno task compare --help`. */
import { join } from "node:path";
import { type FileRecord, hashInput, makeArtifact } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  main,
  type Options,
  printLines,
  VERSION,
} from "../lib/cli/mod.ts";
import { Failure } from "../lib/failure.ts";
import {
  compareProbes,
  comparisonTable,
  markdownTable,
  METRICS_FILE,
  type ProbeSource,
  readProbeMetrics,
} from "../lib/probe/mod.ts";

const FLAGS = {
  probes: {
    type: "list",
    path: true,
    placeholder: "NAME=PROBE",
    required: true,
    help: "name in the table and the directory of a probe",
  },
  out: { type: "string", path: true, placeholder: "FILE", help: "Markdown file to write besides" },
  force: { type: "boolean", help: "replace a table of other probes" },
} as const;

type CompareOptions = Options<typeof FLAGS>;

const COMMAND = {
  name: "compare",
  summary: "sets the probes of several encoders side by side",
  flags: FLAGS,
  examples: [
    "deno task compare --probes pretrained=probe --probes random=probe-random --probes pixels=probe-pixels",
  ],
  details:
    `Prints a Markdown table on stderr and JSON on stdout. Each cell is the test score of the method that
did best on held-out training rows (never on the test rows), with its 95 % interval. Up to four probes are columns,
more are rows.`,
} as const satisfies Command<typeof FLAGS>;

/** A probe, and the file that its scores were read from. */
interface Source extends ProbeSource {
  readonly file: FileRecord;
}

async function readSource(text: string): Promise<Source> {
  const [, name, directory] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || directory === undefined) {
    throw new Failure("usage", `Cannot compare: --probes needs NAME=PROBE, got "${text}"`);
  }
  const metrics = await readProbeMetrics(directory, "compare");
  return { name, metrics, file: await hashInput(join(directory, METRICS_FILE), "compare") };
}

/** Compares probes; see `lib/probe/compare.ts`. */
export async function compare(
  { probes, out, force }: CompareOptions,
  _context: Context,
): Promise<object> {
  const sources: Source[] = [];
  for (const text of probes) {
    const source = await readSource(text);
    if (sources.some(({ name }) => name === source.name)) {
      throw new Failure("usage", `Cannot compare: the name "${source.name}" is given twice`);
    }
    sources.push(source);
  }
  const labels = compareProbes(sources);
  const table = markdownTable(comparisonTable(labels));
  const outcome = out === undefined
    ? { stage: "compare", status: "done", labels }
    : await makeArtifact({
      stage: "compare",
      version: VERSION,
      path: out,
      kind: "file",
      config: { names: sources.map(({ name }) => name) },
      inputs: sources.map(({ file }) => file),
      force,
    }, async (path) => {
      await Deno.writeTextFile(path, table + "\n");
      return { labels };
    });
  printLines(table);
  return outcome;
}

if (import.meta.main) await main(COMMAND, compare);
