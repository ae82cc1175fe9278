import { ROOT, stageArguments } from "../../run_stage.ts";

/** How a process is started. */
export interface Started {
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that starts it in its place. */
  readonly prefix?: readonly string[];
}

/**
 * What a runtime says of itself in a process of its own, with the permissions of a stage; with anything on stderr behind
 * it.
 */
export async function describedRuntime(
  runtime: string,
  { env = {}, prefix = [] }: Started = {},
): Promise<string> {
  const permissions = stageArguments("probe").slice(0, -1);
  const script = `${ROOT}tests/runtime/native/describe_runtime.ts`;
  const [command, ...args] = [...prefix, Deno.execPath(), ...permissions, script, runtime];
  const { stdout, stderr } = await new Deno.Command(command!, { args, env, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  return (decoder.decode(stdout) + decoder.decode(stderr)).trim();
}
