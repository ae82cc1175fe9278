/** Runs of programs under strace, which makes chosen system calls fail or end them. */

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

/** How a process ended and what it printed on stdout and stderr. */
export interface Traced {
  readonly success: boolean;
  readonly signal: Deno.Signal | null;
  readonly text: string;
}

/** Says so and returns false where strace is missing or may not watch processes. */
export async function straceWorks(): Promise<boolean> {
  try {
    if ((await runTraced(["rename"], { injecting: "error=EIO", command: ["true"] })).success) {
      return true;
    }
  } catch {
    // Not installed.
  }
  console.log("skipped: strace is missing or not allowed here");
  return false;
}

/**
 * Runs a command in which system calls are tampered with.
 *
 * @param options `injecting`: what strace does to them, for example `error=EIO` or `signal=KILL:when=2`
 */
export async function runTraced(
  calls: readonly string[],
  { injecting, command }: { readonly injecting: string; readonly command: readonly string[] },
): Promise<Traced> {
  const set = calls.map((call) => `?${call}`).join(",");
  const flags = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${set}`];
  const process = new Deno.Command("strace", {
    args: [...flags, "-e", `inject=${set}:${injecting}`, ...command],
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { success, signal, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { success, signal, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/**
 * Runs a command and kills it as it enters one of the given system calls for the Nth time in one of its threads.
 *
 * @returns whether it was killed; false: there were fewer calls, and it ended by itself
 */
export async function killedAt(
  calls: readonly string[],
  nth: number,
  command: readonly string[],
): Promise<boolean> {
  const { success, signal, text } = await runTraced(calls, {
    injecting: `signal=KILL:when=${nth}`,
    command,
  });
  if (success) return false;
  if (signal === "SIGKILL") return true;
  throw new Error(`ended with an error: ${text}`);
}
