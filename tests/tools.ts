/**
 * Calls a program of the system that a test needs and a machine may not have, or not allow.
 *
 * @returns what it prints; `undefined` where it cannot be used, and why is printed then: the test is to be skipped
 */
export async function tool(
  command: string,
  args: readonly string[],
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let trouble: string;
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      stdin: "null",
    }).output();
    if (success) return decoder.decode(stdout);
    trouble = decoder.decode(stderr).trim().split("\n")[0] || "fails";
  } catch (error) {
    trouble = error instanceof Deno.errors.NotFound ? "is not on this machine" : String(error);
  }
  console.log(`skipped: ${command} ${args.join(" ")}: ${trouble}`);
  return undefined;
}
