import { tool } from "./tools.ts";

/**
 * What to put before a command so that permissions count for it: root reads and writes everything unless it gives up that
 * right.
 *
 * @returns `undefined` where that cannot be done, after saying so
 */
export async function asOrdinaryUser(): Promise<readonly string[] | undefined> {
  if (Deno.uid() !== 0) return [];
  const [command, ...args] = [
    "setpriv",
    "--bounding-set",
    "-dac_override,-dac_read_search",
  ] as const;
  return await tool(command, [...args, "true"]) === undefined ? undefined : [command, ...args];
}
