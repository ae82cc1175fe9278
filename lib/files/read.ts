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
