/** Several probes → one table. See `deno task compare --help`. */
import { join } from "node:path";
import { type FileRecord, hashInput, makeArtifact } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  expectInput,
  main,
  type Options,
  VERSION,
} from "../lib/cli/mod.ts";
import { Failure, messageOf } from "../lib/failure.ts";
import {
  compareProbes,
  comparisonTable,
  markdownTable,
  type ProbeMetrics,
  type ProbeSource,
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

async function readMetrics(path: string): Promise<ProbeMetrics> {
  await expectInput(path, "compare", 'make it with "deno task probe"');
  let metrics: ProbeMetrics;
  try {
    metrics = JSON.parse(await Deno.readTextFile(path)) as ProbeMetrics;
  } catch (error) {
    throw new Failure("data", `Cannot compare: "${path}" is not readable: ${messageOf(error)}`);
  }
  if (metrics.format !== "ijepa-probe" || metrics.version !== 1) {
    throw new Failure(
      "data",
      `Cannot compare: "${path}" is not the result of a probe, give a directory that ` +
        `"deno task probe" wrote`,
    );
  }
  return metrics;
}

async function readSource(text: string): Promise<Source> {
  const [, name, directory] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || directory === undefined) {
    throw new Failure("usage", `Cannot compare: --probes needs NAME=PROBE, got "${text}"`);
  }
  const path = join(directory, "metrics.json");
  return { name, metrics: await readMetrics(path), file: await hashInput(path, "compare") };
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
  console.error(table);
  return outcome;
}

if (import.meta.main) await main(COMMAND, compare);
