/**
 * Makes files and folders whose names are no UTF-8, which Deno itself cannot. The lines are commands of the shell in
 * which `$1` is the folder; bytes are written as `$(printf "caf\\351")`.
 *
 * @returns false, after saying so, where the file system or the system has no such names
 */
export async function makeOddNames(folder: string, lines: readonly string[]): Promise<boolean> {
  const script = ["set -e", ...lines].join("\n");
  const shell = new Deno.Command("/bin/sh", { args: ["-c", script, "sh", folder], stderr: "null" });
  const made = (await shell.output().catch(() => undefined))?.success ?? false;
  if (!made) console.log("skipped: names that are not UTF-8 cannot be made here");
  return made;
}
