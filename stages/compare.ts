/** Several probes → one table. See `deno task compare --help`. */
import { type Command, type Context, main, type Options, printLines } from "../lib/cli/mod.ts";
import { Failure } from "../lib/failure.ts";
import { writeFileAtomically } from "../lib/files/mod.ts";
import {
  compareProbes,
  comparisonTable,
  markdownTable,
  type ProbeSource,
  readProbeMetrics,
} from "../lib/probe/mod.ts";

const FLAGS = {
  probes: {
    type: "list",
    placeholder: "NAME=PROBE",
    required: true,
    help: "name in the table and the directory of a probe",
  },
  out: { type: "string", placeholder: "FILE", help: "Markdown file to write besides" },
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

async function readSource(text: string): Promise<ProbeSource> {
  const [, name, directory] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || directory === undefined) {
    throw new Failure("usage", `Cannot compare: --probes needs NAME=PROBE, got "${text}"`);
  }
  return { name, metrics: await readProbeMetrics(directory, "compare") };
}

/** Compares probes; see `lib/probe/compare.ts`. */
export async function compare(
  { probes, out }: CompareOptions,
  _context: Context,
): Promise<object> {
  const sources: ProbeSource[] = [];
  for (const text of probes) {
    const source = await readSource(text);
    if (sources.some(({ name }) => name === source.name)) {
      throw new Failure("usage", `Cannot compare: the name "${source.name}" is given twice`);
    }
    sources.push(source);
  }
  const labels = compareProbes(sources);
  const table = markdownTable(comparisonTable(labels));
  if (out !== undefined) await writeFileAtomically(out, table + "\n");
  printLines(table);
  return { stage: "compare", status: "done", ...(out === undefined ? {} : { out }), labels };
}

if (import.meta.main) await main(COMMAND, compare);
