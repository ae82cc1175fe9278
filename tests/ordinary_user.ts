/**
 * What to put before a command so that permissions count for it: root reads and writes everything unless it gives up that
 * right.
 *
 * @returns `undefined` where that cannot be done, after saying so
 */
export async function asOrdinaryUser(): Promise<readonly string[] | undefined> {
  if (Deno.uid() !== 0) return [];
  const prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
  const [command, ...args] = [...prefix, "true"];
  try {
    const { success } = await new Deno.Command(command!, { args }).output();
    if (success) return prefix;
  } catch {
    // There is no setpriv.
  }
  console.log("skipped: root cannot give up its rights here (setpriv)");
  return undefined;
}
