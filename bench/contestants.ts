/** The processes that do the measured work, of this project and of the peers, and how they take turns. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../deno.json" with { type: "json" };
import { Failure } from "../lib/failure.ts";
import type { Measured } from "./measured.ts";
import { otherCores } from "./quiet.ts";

/** Path of the repository. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The environment of the Python programs; bench/twin/twin.sh has the same. */
export const PYTHON_FOLDER = join(ROOT, "runs/peers-python");

/** A command that measures and prints one line of JSON. */
export interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a process measured, and the seconds from its start to its first result. */
export interface Run extends Measured {
  readonly first_useful_step_seconds: number;
  /** Cores that other programs took just before and just after; `null` where the system does not report it. */
  readonly other_cores: readonly [before: number | null, after: number | null];
}

/** A program of this project below `bench`, such as `step/process.ts`. @param more permissions beside those that all of them have */
export function ours(
  program: string,
  args: readonly string[],
  more: readonly string[] = [],
): Contestant {
  const grants = [
    "--allow-read",
    "--allow-write",
    "--allow-ffi",
    "--allow-run=cat,grep,cc",
    "--allow-sys=uid",
    "--allow-env=npm_package_config_libvips,MALLOC_ARENA_MAX,ORT_DISABLE_TELEMETRY,HOME,XDG_CACHE_HOME",
    ...more,
  ];
  const script = join(ROOT, "bench", program);
  return {
    name: "ours",
    command: [Deno.execPath(), "run", "--quiet", "--no-prompt", ...grants, script, ...args],
  };
}

/** A stage as its task in deno.json starts it. */
export function stage(name: keyof typeof denoJson.tasks, args: readonly string[]): Contestant {
  const [, ...run] = denoJson.tasks[name].command.split(" ");
  return { name, command: [Deno.execPath(), ...run, ...args] };
}

/** A Python program below `bench/peers`. */
export function peer(
  name: string,
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Contestant {
  const python = join(PYTHON_FOLDER, "bin/python");
  // For complete_torchvision, which the tests have too.
  const modules = { PYTHONPATH: join(ROOT, "tests/interop/python") };
  const command = [python, join(ROOT, "bench/peers", program), ...args];
  return { name, command, env: { ...modules, ...env } };
}

/** Whether the peers' Python can import a package. */
export async function hasPackage(name: string): Promise<boolean> {
  const python = join(PYTHON_FOLDER, "bin/python");
  const args = [
    "-c",
    `import importlib.util, sys; sys.exit(not importlib.util.find_spec("${name}"))`,
  ];
  const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
  return (await new Deno.Command(python, options).output()).success;
}

/** Runs a command that prints one line of JSON last. @throws {Failure} `unavailable` when it fails */
export async function runForJson<T>({ name, command, env = {} }: Contestant): Promise<T> {
  const [program, ...args] = command as [string, ...string[]];
  const options = {
    args,
    env: { ORT_DISABLE_TELEMETRY: "1", ...env }, // Peers have ONNX Runtime too, and send nothing either.
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  } as const;
  const { success, code, stdout, stderr } = await new Deno.Command(program, options).output();
  const text = new TextDecoder();
  if (!success) {
    throw new Failure(
      "unavailable",
      `Cannot measure "${name}": wanted that ${
        args.find((each) => /\.(ts|py|mjs)$/.test(each)) ?? args.join(" ")
      } ends ` +
        `with 0, got ${code}, see what it says:\n${text.decode(stderr).trimEnd()}`,
    );
  }
  return JSON.parse(text.decode(stdout).trimEnd().split("\n").at(-1)!) as T;
}

async function runOnce(contestant: Contestant): Promise<Run> {
  const before = await otherCores();
  const start = Date.now() / 1000;
  const measured = await runForJson<Measured>(contestant);
  return {
    ...measured,
    first_useful_step_seconds: measured.first_result_at - start,
    other_cores: [before, await otherCores()],
  };
}

/** How often contestants take turns. */
export interface Turns {
  readonly pairs: number;
  /** Called before each round. */
  before(): Promise<void>;
  say(text: string): void;
}

/**
 * Lets contestants run one after the other, again and again, so that what else the machine does affects all of them.
 * Every other round goes backwards.
 *
 * @returns the runs of each contestant in the order of rounds
 */
export async function takeTurns(
  contestants: readonly Contestant[],
  { pairs, before, say }: Turns,
): Promise<Readonly<Record<string, readonly Run[]>>> {
  const runs: Record<string, Run[]> = Object.fromEntries(contestants.map(({ name }) => [name, []]));
  for (let pair = 0; pair < pairs; pair++) {
    await before();
    for (const contestant of pair % 2 === 0 ? contestants : contestants.toReversed()) {
      say(`round ${pair + 1} of ${pairs}: ${contestant.name}`);
      runs[contestant.name]!.push(await runOnce(contestant));
    }
  }
  return runs;
}

/** Fails unless all contestants have computed the same. @param tolerance relative */
export function expectAgreement(
  runs: Readonly<Record<string, readonly Run[]>>,
  tolerance: number,
): void {
  const [[first, [{ check: wanted }]]] = Object.entries(runs) as [[string, [Run]]];
  for (const [name, all] of Object.entries(runs)) {
    for (const { check } of all) {
      const index = check.findIndex((value, i) =>
        !(Math.abs(value - wanted[i]!) <= tolerance * Math.abs(wanted[i]!))
      );
      if (index < 0) continue;
      throw new Failure(
        "data",
        `Cannot compare "${name}" with "${first}": wanted ${
          wanted[index]
        } of repetition ${index}, ` +
          `got ${check[index]}, they do not compute the same`,
      );
    }
  }
}

/** Makes the Python environment of the peers unless it is there. @throws {Failure} `unavailable` */
export async function preparePeers(): Promise<void> {
  const { success, stderr } = await new Deno.Command("bash", {
    args: [join(ROOT, "bench/peers/environment.sh"), PYTHON_FOLDER],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  throw new Failure(
    "unavailable",
    `Cannot make "${PYTHON_FOLDER}" for the peers: wanted Python 3.11 or later and its packages, got ` +
      `"${
        new TextDecoder().decode(stderr).trim().split("\n").at(-1)
      }", give --alone to measure without them`,
  );
}
