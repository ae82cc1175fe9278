/** Damage to the bytes of a file, a pure function of a random stream. */
import type { RandomStream } from "../lib/random/mod.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Mutation = (bytes: Bytes, random: RandomStream) => Bytes;

function concat(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Replaces `removed` bytes from `at` on. */
function replace(bytes: Bytes, at: number, removed: number, by: Uint8Array): Bytes {
  return concat(bytes.subarray(0, at), by, bytes.subarray(at + removed));
}

const encode = (text: string) => new TextEncoder().encode(text);

/** A place in the file; early ones are likelier, since headers decide most. */
function place({ length }: Bytes, random: RandomStream): number {
  const end = random.uniform() < 0.5 ? Math.min(length, 512) : length;
  return random.integer(Math.max(end, 1));
}

function choose<T>(list: readonly T[], random: RandomStream): T {
  return list[random.integer(list.length)]!;
}

/** Numbers at the edge of what readers take for a size, a count or a share. */
const NUMBERS = [
  ...["-1", "0", "1", "2", "3", "7", "255", "65536", "2147483647", "2147483648", "4294967295"],
  ...[
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
    "1e308",
    "1e999",
    "-1e999",
  ],
  ...["1e-400", "0.5", "-0", "NaN", "Infinity", "null", "true", '"1"', "[]", "{}", '""'],
];

/** Texts that another program would take for something else than text. */
const TEXTS = [
  ...[
    "",
    " ",
    "\u0000",
    "..",
    "../../../../etc/passwd",
    "/etc/passwd",
    "\u001b]0;x\u0007\u001b[2J",
  ],
  ...["=1+1", "$(touch PWNED)", "`touch PWNED`", "<script>", "__proto__", "constructor", "\ud800"],
  ...["\u202e", "a".repeat(70_000), "ä".repeat(200), "|", "a\nb"],
];

/** What Git LFS leaves in the place of a file that was not fetched. */
const POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) +
  "\nsize 12345\n";

/** Finds runs of bytes by their text, one character a byte. @returns start and length */
function find(bytes: Bytes, pattern: RegExp): (readonly [number, number])[] {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 1 << 20));
  return [...text.matchAll(pattern)].map((match) => [match.index, match[0].length]);
}

/** Every kind of damage by name. Each may return the bytes unchanged where it finds nothing to damage. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  flip(bytes, random) {
    const flipped = bytes.slice();
    for (let left = 1 + random.integer(3); left > 0 && bytes.length > 0; left--) {
      flipped[place(bytes, random)]! ^= 1 << random.integer(8);
    }
    return flipped;
  },
  cut(bytes, random) {
    return bytes.slice(0, random.uniform() < 0.2 ? 0 : place(bytes, random));
  },
  splice(bytes, random) {
    const from = place(bytes, random), to = place(bytes, random);
    const part = bytes.subarray(from, from + 1 + random.integer(200));
    return replace(bytes, to, random.integer(3) === 0 ? 0 : part.length, part);
  },
  remove(bytes, random) {
    return replace(bytes, place(bytes, random), 1 + random.integer(64), new Uint8Array());
  },
  zero(bytes, random) {
    const at = place(bytes, random), count = Math.min(1 + random.integer(600), bytes.length - at);
    return replace(bytes, at, count, new Uint8Array(Math.max(count, 0)));
  },
  length(bytes, random) {
    const wide = choose([1, 2, 4, 8], random), at = Math.min(place(bytes, random), bytes.length);
    const ones = random.integer(wide) + 1, big = new Uint8Array(wide).fill(0xff, 0, ones);
    if (random.uniform() < 0.5) big[ones - 1] = 0x7f;
    return replace(bytes, at - at % wide, wide, random.uniform() < 0.3 ? big.reverse() : big);
  },
  append(bytes, random) {
    return concat(bytes, new Uint8Array(1 + random.integer(2000)).fill(random.integer(256)));
  },
  number(bytes, random) {
    const found = find(bytes, /-?\d+(\.\d+)?([eE][-+]?\d+)?/g);
    if (found.length === 0) return MUTATIONS["flip"]!(bytes, random);
    const [at, length] = choose(found, random);
    return replace(bytes, at, length, encode(choose(NUMBERS, random)));
  },
  text(bytes, random) {
    const found = find(bytes, /[A-Za-z_][\w./-]*/g);
    if (found.length === 0) return MUTATIONS["splice"]!(bytes, random);
    const [at, length] = choose(found, random);
    return replace(bytes, at, length, encode(choose(TEXTS, random)));
  },
  nesting(bytes, random) {
    const deep = choose([100, 5_000, 200_000], random);
    const opening = choose(["[", '{"a":', "(", "["], random).repeat(deep);
    const [at, length] = choose([[0, 0], ...find(bytes, /-?\d+|"[^"]*"/g)] as const, random);
    const closing = random.uniform() < 0.5 && opening.startsWith("[") ? "]".repeat(deep) : "";
    return replace(bytes, at, length, encode(opening + closing));
  },
  repeat(bytes, random) {
    const found = find(bytes, /"[^"]*"\s*:\s*[^,{}[\]]+,|[^\n]*\n/g);
    if (found.length === 0) return MUTATIONS["splice"]!(bytes, random);
    const [at, length] = choose(found, random);
    const part = bytes.subarray(at, at + length);
    return replace(bytes, at, 0, concat(...Array<Uint8Array>(1 + random.integer(50)).fill(part)));
  },
  other(_bytes, random) {
    return encode(choose(["", "{}", "[]", "null", "\n", "\ufeff{}", POINTER, "<html>"], random));
  },
};

/** One mutation, never the bytes themselves. @returns what was done, and the result */
export function mutate(bytes: Bytes, random: RandomStream): { name: string; bytes: Bytes } {
  for (;;) {
    const name = choose(Object.keys(MUTATIONS), random);
    const mutated = MUTATIONS[name]!(bytes, random);
    const same = mutated.length === bytes.length && mutated.every((byte, i) => byte === bytes[i]);
    if (!same) return { name, bytes: mutated };
  }
}
