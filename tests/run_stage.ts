import denoJson from "../deno.json" with { type: "json" };

/** What `deno task` runs. */
export type TaskName = keyof typeof denoJson.tasks;

/** How a stage's process ended and what it printed. */
export interface StageResult {
  readonly code: number;
  /** Name of the signal that ended it, if one did. */
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a stage is started. */
export interface StageOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Path of the repository. */
export const ROOT = new URL("../", import.meta.url).pathname;

/** The arguments of `deno` with which `deno task NAME` runs a stage: exactly the task's permissions. */
export function stageArguments(name: TaskName): string[] {
  const [deno, ...args] = denoJson.tasks[name].command.split(" ");
  const script = args.pop();
  if (deno !== "deno" || script !== `stages/${name}.ts`) {
    throw new TypeError(`Task "${name}" of deno.json runs no stage`);
  }
  // Paths of deno.json are relative to it; here a stage may start anywhere.
  const placed = args.map((arg) => arg.replace(/^--env-file=/, `--env-file=${ROOT}`));
  return [...placed, `--config=${ROOT}deno.json`, ROOT + script];
}

/** Starts a stage as `deno task NAME` does; for tests that signal or kill it. */
export function spawnStage(
  name: TaskName,
  flags: readonly string[],
  { cwd = ROOT, env = {} }: StageOptions = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...stageArguments(name), ...flags],
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs a stage to its end with the permissions of its task. */
export async function runStage(
  name: TaskName,
  flags: readonly string[],
  options: StageOptions = {},
): Promise<StageResult> {
  const { code, signal, stdout, stderr } = await spawnStage(name, flags, options).output();
  const text = new TextDecoder();
  return { code, signal, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
