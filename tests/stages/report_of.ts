import { ROOT, stageArguments } from "../run_stage.ts";

/** What a stage reported. */
export interface Report {
  readonly code: number;
  /** The JSON line of stdout, or an empty object. */
  // deno-lint-ignore no-explicit-any
  readonly result: any;
  readonly stderr: string;
  /** The line of stderr that says why it failed. */
  readonly message: string;
}

/**
 * Runs a stage with the permissions of its task and takes its report apart.
 *
 * @param prefix a command that starts the stage in its place
 * @param hide a temporary folder, called `S` in the texts
 */
export async function reportOf(
  stage: Parameters<typeof stageArguments>[0],
  flags: readonly string[],
  { prefix = [], hide }: { readonly prefix?: readonly string[]; readonly hide: string },
): Promise<Report> {
  const [command, ...args] = [...prefix, Deno.execPath(), ...stageArguments(stage), ...flags];
  const env = { NO_COLOR: "1" };
  const process = new Deno.Command(command!, { args, cwd: ROOT, env, stdin: "null" });
  const { code, stdout, stderr } = await process.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replaceAll(hide, "S");
  const out = text(stdout).trim(), told = text(stderr);
  return {
    code,
    result: out === "" ? {} : JSON.parse(out),
    stderr: told,
    message: told.split("\n").findLast((line) => line.startsWith(`${stage}: Cannot`)) ?? "",
  };
}
