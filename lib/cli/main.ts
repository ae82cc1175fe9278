/** The entry point of every stage: flags, help, signals, output and exit codes. */
import denoJson from "../../deno.json" with { type: "json" };
import { type Outcome, removeTemporaries } from "../artifact/mod.ts";
import { Failure, type FailureKind, messageOf } from "../failure.ts";
import { systemFailure, systemReason } from "../files/mod.ts";
import { forJsonLine } from "../foreign_text.ts";
import { printLines, printMessage } from "../messages.ts";
import { describeFlags, type FlagTable, type Options, parseFlags } from "./flags.ts";
import { relativePaths, withAbsolutePaths } from "./typed_paths.ts";

/** Name, flags and help of a stage. */
export interface Command<T extends FlagTable> {
  readonly name: string;
  /** One sentence without a period. */
  readonly summary: string;
  readonly flags: T;
  /** Whole command lines with a word on what they do. */
  readonly examples: readonly string[];
  /** Further help: formats, units, what to do next. */
  readonly details?: string;
  /** The stage watches `context.signal` itself and stops at a safe point. */
  readonly stopsCleanly?: true;
}

/** What `main` passes to a stage besides its options. */
export interface Context {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP when the command `stopsCleanly`. */
  readonly signal: AbortSignal;
}

const EXIT_CODES: Readonly<Record<FailureKind, number>> = {
  usage: 2,
  collapsed: 3,
  data: 65,
  missing: 66,
  unavailable: 69,
  output: 73,
  stopped: 75,
};

/** The tool's version, written into every receipt. */
export const VERSION: string = denoJson.version;

function helpText(command: Command<FlagTable>): string {
  return [
    `${command.name}: ${command.summary}`,
    "",
    "Flags:",
    describeFlags(command.flags),
    ...(command.details ? ["", command.details] : []),
    "",
    "Examples:",
    ...command.examples.map((example) => `  ${example}`),
    "",
    "Exit codes: 0 done or up to date, 1 unexpected, 2 usage or configuration, 3 training collapsed,",
    "  65 bad data, 66 input missing, 69 runtime not available, 73 cannot write the output,",
    "  75 stopped cleanly (run again to go on), 129 hung up, 130 interrupted, 143 terminated",
  ].join("\n");
}

/** Signals this close are one request: job managers signal a process and also its parent, which forwards it. */
const SECONDS_OF_ONE_REQUEST = 1;

/** Signals that end a process, with the exit code of one that does so at once. */
const END_SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

function watchSignals(command: string, stopsCleanly: boolean): AbortSignal {
  const controller = new AbortController();
  // Without a listener a file beyond `ulimit -f` ends the process; with one, the write fails and is reported.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGXFSZ", () => {});
  let requested = -Infinity;
  for (const [signal, code] of Object.entries(END_SIGNALS) as [Deno.Signal, number][]) {
    Deno.addSignalListener(signal, () => {
      if (stopsCleanly && !controller.signal.aborted) {
        const haste = signal === "SIGHUP" ? "" : "; once more to end at once";
        printMessage(command, `${signal}: stopping at the next safe point${haste}`);
        requested = performance.now();
        controller.abort();
        return;
      }
      // A closing terminal sends SIGHUP several times, directly and by the shell; that is no request to end at once.
      if (controller.signal.aborted && signal === "SIGHUP") return;
      if (performance.now() - requested < SECONDS_OF_ONE_REQUEST * 1000) return;
      removeTemporaries();
      Deno.exit(code);
    });
  }
  return controller.signal;
}

/** Prints on stdout. A closed pipe (EPIPE) is no error: its reader has finished. */
function print(
  text: string,
  { what, note = "" }: { readonly what: string; readonly note?: string },
) {
  try {
    console.log(text);
  } catch (error) {
    const reason = systemReason("stdout", error);
    if (reason === undefined) throw error;
    throw new Failure("output", `Cannot print the ${what}: ${reason}${note}`, { cause: error });
  }
}

/** Where an error was thrown, without its message, which may hold foreign text of several lines. */
function stackOf({ stack = "", message }: Error): string {
  return stack.slice(stack.indexOf(message) + message.length).replace(/^\n/, "");
}

/**
 * Runs a stage as a process: reads flags, prints help, prints the result as one JSON line on stdout and everything for
 * the user on stderr, and exits with the code of the result. The only place that exits.
 */
export async function main<T extends FlagTable>(
  command: Command<T>,
  run: (options: Options<T>, context: Context) => Promise<object>,
): Promise<never> {
  let typed: readonly string[] = [];
  try {
    if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
      print(helpText(command), { what: "help" });
      Deno.exit(0);
    }
    const options = parseFlags(command.flags, Deno.args);
    typed = relativePaths(command.flags, options);
    const signal = watchSignals(command.name, command.stopsCleanly ?? false);
    const result = await run(options, { signal });
    const { status, out } = result as Partial<Outcome>;
    if (status === "up to date") printMessage(command.name, `"${out}" is up to date`);
    // One JSON line, for scripts.
    print(forJsonLine(result), { what: "result", note: "; the work itself is done" });
    Deno.exit(0);
  } catch (error) {
    const failure = error instanceof Failure ? error : systemFailure(error);
    if (failure !== undefined) {
      const { kind, message } = failure;
      printMessage(command.name, kind === "usage" ? message : withAbsolutePaths(message, typed));
      if (kind === "usage") {
        printLines(`Run "deno task ${command.name} --help" for the flags and examples.`);
      }
      Deno.exit(EXIT_CODES[kind]);
    }
    printMessage(command.name, `unexpected error: ${messageOf(error)}`);
    printLines(error instanceof Error ? stackOf(error) : Deno.inspect(error));
    Deno.exit(1);
  }
}
