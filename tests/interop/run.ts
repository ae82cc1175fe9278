/**
 * `deno task interop`: makes the environments of other tools, then runs the tests here in them. What cannot be had is
 * skipped with the reason. Arguments go to `deno test`.
 */
import { type Environment, nodeEnvironment, pythonEnvironment } from "../../bench/environments.ts";
import { ROOT } from "../run_stage.ts";

const python = await pythonEnvironment();
const node = await nodeEnvironment();

function variable(name: string, environment: Environment): Record<string, string> {
  if ("path" in environment) return { [name]: environment.path };
  console.log(`interop: skipped: ${environment.reason}`);
  return {};
}

const env = { ...variable("INTEROP_PYTHON", python), ...variable("INTEROP_NODE", node) };
const permissions = ["read", "write", "run", "env", "ffi", "sys"].map((name) => `--allow-${name}`);
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "--no-prompt", ...permissions, ...Deno.args, "tests/interop"],
  cwd: ROOT,
  env,
  stdin: "null",
  stdout: "inherit",
  stderr: "inherit",
}).spawn().status;
Deno.exit(code);
