/** Names of the samples inside tar files. */
import { sha256 } from "../files/mod.ts";

const LONGEST_NAME = 72;
const HASH_DIGITS = 8;

/**
 * Letters, digits, `-`, `_` and `/`. No dot: WebDataset ends a key at the first one after the last slash. No part
 * may begin with `__`, which is reserved there.
 */
const SAFE = /^(?!__)[\w-]+(\/(?!__)[\w-]+)*$/;

function stemOf(path: string): string {
  return path.replace(/(?<=[^/])\.[^./]*$/, "");
}

function hashedKey(path: string): string {
  const parts = stemOf(path).normalize("NFKD").replace(/\p{M}/gu, "").split("/");
  const safe = parts.map((part) => part.replace(/[^\w-]+/g, "_").replace(/^_+/, "")).filter(
    Boolean,
  );
  const whole = safe.join("/");
  const readable = whole.length <= LONGEST_NAME ? whole : safe.at(-1)!.slice(0, LONGEST_NAME);
  return `${readable || "image"}-${sha256(path).slice(0, HASH_DIGITS)}`;
}

/**
 * Names for samples inside WebDataset tars, one per path: the path without its extension where that is plain ASCII,
 * short and unique, else a readable part of it with a hash of the path. Unique without regard to letter case, so that
 * an archive can be unpacked anywhere.
 */
export function sampleKeys(paths: readonly string[]): string[] {
  const owners = new Map<string, number>();
  for (const path of paths) {
    const stem = stemOf(path).toLowerCase();
    owners.set(stem, (owners.get(stem) ?? 0) + 1);
  }
  const used = new Set<string>();
  return paths.map((path) => {
    const stem = stemOf(path);
    const plain = SAFE.test(stem) && stem.length <= LONGEST_NAME &&
      owners.get(stem.toLowerCase()) === 1;
    let key = plain ? stem : hashedKey(path);
    // A file may have the name of another's hashed key; a longer hash resolves the conflict.
    if (!plain && (owners.has(key.toLowerCase()) || used.has(key.toLowerCase()))) {
      key = `image-${sha256(path)}`;
    }
    used.add(key.toLowerCase());
    return key;
  });
}
