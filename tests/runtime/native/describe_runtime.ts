/** Prints which runtime a name stands for on this machine, or why there is none: `describe_runtime.ts NAME`. */
import { createRuntime } from "../../../lib/runtime/mod.ts";

try {
  const { name, description } = await createRuntime(Deno.args[0]!, { threads: 1 });
  console.log(`${name}: ${description}`);
} catch (error) {
  console.log((error as Error).message);
}
