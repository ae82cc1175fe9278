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
    help:
      "name in the table and the directory of a probe; probes of one name are runs of one thing",
  },
  methods: {
    type: "string",
    placeholder: "WHICH",
    default: "best",
    choices: ["best", "all"],
    help: "the method that did best on held-out training rows, or every method",
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
    "deno task compare --probes pretrained=probe-0 --probes pretrained=probe-1 --methods all",
  ],
  details:
    `Prints a Markdown table on stderr and JSON on stdout. Each cell is the test score of the method that
did best on held-out training rows (never on the test rows), with its 95 % interval; where a name is given several
times, the mean of these runs and their standard deviation. Up to four names are columns, more are rows; with
--methods all names are rows.`,
} as const satisfies Command<typeof FLAGS>;

/** A probe, and the file that its scores were read from. */
interface Source extends ProbeSource {
  readonly file: FileRecord;
  readonly directory: string;
}

async function readSource(text: string): Promise<Source> {
  const [, name, directory] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || directory === undefined) {
    throw new Failure("usage", `Cannot compare: --probes needs NAME=PROBE, got "${text}"`);
  }
  const metrics = await readProbeMetrics(directory, "compare");
  const file = await hashInput(join(directory, METRICS_FILE), "compare");
  return { name, metrics, file, directory };
}

/** Compares probes; see `lib/probe/compare.ts`. */
export async function compare(
  { probes, methods, out, force }: CompareOptions,
  _context: Context,
): Promise<object> {
  const sources: Source[] = [];
  for (const text of probes) {
    const source = await readSource(text);
    // Runs of one name must be different probes, or their deviation would be meaningless.
    if (sources.some(({ name, directory }) => text === `${name}=${directory}`)) {
      throw new Failure("usage", `Cannot compare: "${text}" is given twice`);
    }
    sources.push(source);
  }
  const labels = compareProbes(sources, { methods });
  const table = markdownTable(comparisonTable(labels));
  const outcome = out === undefined
    ? { stage: "compare", status: "done", labels }
    : await makeArtifact({
      stage: "compare",
      version: VERSION,
      path: out,
      kind: "file",
      config: {
        names: sources.map(({ name }) => name),
        ...methods === "best" ? {} : { methods }, // Keeps the key of receipts from before this option.
      },
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
