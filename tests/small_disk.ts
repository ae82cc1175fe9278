import { tool } from "./tools.ts";

/**
 * Calls `body` while a disk in memory is mounted on a folder; says so and does nothing where mounting is not allowed.
 *
 * @param options of the mount, as `size=64k` or `noexec`
 */
export async function withDisk(
  folder: string,
  options: string,
  body: () => Promise<void>,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const mounted = await tool("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder]);
  if (mounted === undefined) return;
  try {
    await body();
  } finally {
    // Also where a file is just being closed.
    await tool("umount", ["--lazy", folder]);
  }
}

/** {@link withDisk} of a few kilobytes. */
export async function withSmallDisk(
  folder: string,
  kilobytes: number,
  body: () => Promise<void>,
): Promise<void> {
  await withDisk(folder, `size=${kilobytes}k`, body);
}
