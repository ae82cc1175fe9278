/**
 * Opens a file for reading. A pipe would wait for somebody to write, and a directory fails only when it is read: both
 * are refused here, with what they are.
 */
export async function openFile(path: string): Promise<Deno.FsFile> {
  const { isFile, isDirectory } = await Deno.stat(path);
  if (isDirectory) throw new Deno.errors.IsADirectory("it is a directory");
  if (!isFile) throw new Error("it is a pipe or a device, wanted a file");
  return await Deno.open(path);
}

/**
 * Fills a buffer from a file: from the given byte on, or from where the file stands.
 *
 * @returns whether there was enough; the caller knows what a file that ends before is called
 */
export async function readFully(
  file: Deno.FsFile,
  buffer: Uint8Array,
  at?: number,
): Promise<boolean> {
  if (at !== undefined) await file.seek(at, Deno.SeekMode.Start);
  for (let rest = buffer; rest.length > 0;) {
    const count = await file.read(rest);
    if (count === null) return false;
    rest = rest.subarray(count);
  }
  return true;
}
