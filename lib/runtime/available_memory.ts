/** Memory that this process can still allocate. */

/** Files with a container's limit, under cgroups of version 2 and 1. */
const LIMIT_FILES = [
  "/sys/fs/cgroup/memory.max",
  "/sys/fs/cgroup/memory/memory.limit_in_bytes",
] as const;

/**
 * The smaller of the machine's memory and its limits.
 *
 * @param machine bytes
 * @param limits texts of limit files: a number of bytes, or `max`
 */
export function leastMemory(
  machine: number | undefined,
  limits: readonly (string | undefined)[],
): number | undefined {
  const known = [machine, ...limits.map((text) => Number.parseInt(text ?? "", 10))]
    .filter((bytes) => bytes !== undefined && !Number.isNaN(bytes)) as number[];
  return known.length === 0 ? undefined : Math.min(...known);
}

/**
 * Memory that this process can still take. Deno gives that of the machine under `--allow-sys=systemMemoryInfo`, a
 * container's limit under `--allow-all` only.
 *
 * @returns bytes; `undefined` without the permission
 */
export async function availableMemory(): Promise<number | undefined> {
  const { state } = await Deno.permissions.query({ name: "sys", kind: "systemMemoryInfo" });
  const machine = state === "granted" ? Deno.systemMemoryInfo().available : undefined;
  const limits = LIMIT_FILES.map((path) => Deno.readTextFile(path).catch(() => undefined));
  return leastMemory(machine, await Promise.all(limits));
}
