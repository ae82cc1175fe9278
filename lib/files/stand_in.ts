/** Recognises placeholders: small text files in place of a file that a command has yet to fetch. */

/** Largest placeholder, bytes. */
export const LARGEST_STAND_IN = 1024;

const STAND_INS: readonly (readonly [RegExp, string])[] = [
  [
    /^version https:\/\/(git-lfs|hawser)\.github\.com\/spec\//,
    "a Git LFS pointer, run git lfs pull",
  ],
  [/^(\.\.\/)*(\.git\/annex|\/annex)\/objects\//, "a git-annex pointer, run git annex get"],
];

/** What a file is and how to get the real one, by its first 64 bytes or more; `undefined` when it is no placeholder. */
export function standInReason(first: Uint8Array): string | undefined {
  const text = String.fromCharCode(...first.subarray(0, 64));
  return STAND_INS.find(([start]) => start.test(text))?.[1];
}
