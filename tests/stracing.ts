/** Runs of programs under strace, which ends them at a chosen system call. */

/** Calls that change what lies where, or force it to the disk. */
export const PLACING_CALLS = [
  ["rename", "renameat", "renameat2"],
  ["mkdir", "mkdirat"],
  ["unlink", "unlinkat"],
  ["rmdir"],
  ["fsync", "fdatasync"],
  ["ftruncate"],
  ["flock"],
] as const;

/** Says so and returns false where strace is missing or may not watch processes. */
export async function straceWorks(): Promise<boolean> {
  try {
    const args = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=rename", "true"];
    if ((await new Deno.Command("strace", { args, stderr: "null" }).output()).success) return true;
  } catch {
    // Not installed.
  }
  console.log("skipped: strace is missing or not allowed here");
  return false;
}

/**
 * Runs a command and kills it as it enters one of the given system calls for the Nth time in one of its threads.
 *
 * @returns whether it was killed; false: there were fewer calls, and it ended by itself
 */
export async function killedAt(
  calls: readonly string[],
  nth: number,
  [command, ...rest]: readonly string[],
): Promise<boolean> {
  const set = calls.map((call) => `?${call}`).join(",");
  const args = [
    ...["-f", "-qq", "-o", "/dev/null"],
    ...["-e", `trace=${set}`, "-e", `inject=${set}:signal=KILL:when=${nth}`],
  ];
  const process = new Deno.Command("strace", {
    args: [...args, command!, ...rest],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { success, signal, stderr } = await process.output();
  if (success) return false;
  if (signal === "SIGKILL") return true;
  throw new Error(`ended with an error: ${new TextDecoder().decode(stderr)}`);
}
