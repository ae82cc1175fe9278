/** SHA-256 of bytes, lines and files, and JSON in a form to hash. */
import { createHash } from "node:crypto";
import { openPlain } from "./read.ts";

/** SHA-256 of bytes or text, as lower-case hexadecimal. */
export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-256 of lines with line feeds between them, without the whole text in memory. */
export function sha256Lines(lines: Iterable<string>): string {
  const hash = createHash("sha256");
  let separator = "";
  for (const line of lines) {
    hash.update(separator + line);
    separator = "\n";
  }
  return hash.digest("hex");
}

/** SHA-256 of a file or of its first bytes, in constant memory. */
export async function sha256File(path: string, firstBytes = Infinity): Promise<string> {
  const hash = createHash("sha256");
  using file = await openPlain(path);
  // Small buffers for small files: there may be thousands of them.
  const buffer = new Uint8Array(Math.min(1 << 20, (await file.stat()).size + 1));
  for (let rest = firstBytes; rest > 0;) {
    const count = await file.read(buffer.subarray(0, Math.min(rest, buffer.length)));
    if (count === null) break;
    hash.update(buffer.subarray(0, count));
    rest -= count;
  }
  return hash.digest("hex");
}

/** JSON with sorted keys and no spaces: equal values give equal text, so it can be hashed. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, inner: unknown) =>
      inner !== null && typeof inner === "object" && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
  );
}
