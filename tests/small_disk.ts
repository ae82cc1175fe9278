/**
 * Calls `body` while a disk of a few kilobytes is mounted on an empty folder; says so and does nothing where mounting is
 * not allowed.
 */
export async function withSmallDisk(
  folder: string,
  kilobytes: number,
  body: () => Promise<void>,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const args = ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", folder];
  const mount = new Deno.Command("mount", { args, stderr: "null" });
  if (!(await mount.output().catch(() => undefined))?.success) {
    return console.log("skipped: mounting a small disk needs root");
  }
  try {
    await body();
  } finally {
    await new Deno.Command("umount", { args: [folder] }).output();
  }
}
