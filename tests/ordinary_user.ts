/** What starts a process for which file permissions count: root reads and writes everything unless it gives that up. */
export const ORDINARY_USER = Deno.uid() === 0
  ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
  : [];

/** Says so and returns false where file permissions cannot be tried. */
export async function permissionsCount(): Promise<boolean> {
  const [command = "true", ...args] = [...ORDINARY_USER, "true"];
  try {
    if ((await new Deno.Command(command, { args }).output()).success) return true;
  } catch {
    // Not installed.
  }
  console.log("skipped: root cannot give up its rights here (setpriv)");
  return false;
}
