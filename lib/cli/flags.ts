/**
 * Command-line flags: one table per command gives the parser, the types of the options and the flag part of `--help`.
 */

import { parseArgs } from "node:util";
import { Failure } from "../failure.ts";
import { suggestion } from "../nearest.ts";

interface AnyFlag {
  /** What it does, with its unit; one sentence without a period. */
  readonly help: string;
  /** Placeholder for the value in `--help`, for example `DIR`. */
  readonly placeholder?: string;
  readonly required?: true;
  /** The value is a path, in a list after `NAME=`: messages show it as absolute too. */
  readonly path?: true;
}

interface TextFlag extends AnyFlag {
  readonly type: "string" | "list";
  readonly default?: string;
  readonly choices?: readonly string[];
}

interface NumberFlag extends AnyFlag {
  readonly type: "integer" | "number";
  readonly default?: number;
  /** Smallest and largest allowed number, inclusive, so that no number takes unbounded memory or time. */
  readonly min: number;
  readonly max: number;
}

interface Switch extends AnyFlag {
  readonly type: "boolean";
}

/** One command-line flag. The table of a command makes its parser, its types and its `--help`. */
export type Flag = TextFlag | NumberFlag | Switch;

/** Flags by camelCase name; on the command line the name is kebab-case. */
export type FlagTable = Readonly<Record<string, Flag>>;

type Value<F extends Flag> = F["type"] extends "integer" | "number" ? number
  : F["type"] extends "boolean" ? boolean
  : F["type"] extends "list" ? readonly string[]
  : F extends { choices: readonly (infer C)[] } ? C
  : string;

type Present<F extends Flag> = F extends { required: true } | { default: string | number } ? true
  : F["type"] extends "boolean" | "list" ? true
  : false;

/** The typed options that a flag table yields. */
export type Options<T extends FlagTable> = {
  readonly [K in keyof T]: Present<T[K]> extends true ? Value<T[K]> : Value<T[K]> | undefined;
};

/** `shardImages` is typed as `--shard-images`. */
export function flagName(key: string): string {
  return "--" + key.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}

function refuse(text: string): never {
  throw new Failure("usage", `Cannot read the command line: ${text}`);
}

/** Decimal ASCII digits; not hexadecimal, no spaces. */
const NUMBERS = {
  integer: { pattern: /^[+-]?\d+$/, wanted: "a whole number" },
  number: { pattern: /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, wanted: "a number" },
} as const;

/**
 * A `~` that the shell did not expand, as in `--out=~/data` or in quotes: a directory of that name invites an `rm -r
 * ~`. Write `./~` to mean one.
 */
const HOME = /(?<=^|=)~(?=\/|$)|(?<=^|=)~[\w.-]+(?=\/)/;

function convert(name: string, flag: TextFlag | NumberFlag, text: string) {
  if (!("min" in flag)) {
    if (flag.choices !== undefined && !flag.choices.includes(text)) {
      refuse(`unknown value "${text}" for ${name}${suggestion(text, flag.choices)}`);
    }
    if (text.trim() === "") refuse(`${name} needs a value, got an empty one`);
    const [home] = flag.path ? HOME.exec(text) ?? [] : [];
    if (home !== undefined) {
      refuse(
        `${name} got "${text}", where no shell has put a home folder for "${home}", write all of it`,
      );
    }
    return text;
  }
  const { pattern, wanted } = NUMBERS[flag.type];
  if (!pattern.test(text)) refuse(`${name} needs ${wanted}, got "${text}"`);
  const value = Number(text) + 0; // -0 is 0.
  if (value < flag.min || value > flag.max) {
    refuse(`${name} must be from ${flag.min} to ${flag.max}, got ${text}`);
  }
  return value;
}

/**
 * Reads a command line by its flag table.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const table = {
 *   images: { type: "string", required: true, help: "folder of images" },
 *   shardImages: { type: "integer", default: 1000, help: "images in one tar file", min: 1, max: 1e6 },
 * } as const;
 * const { images, shardImages } = parseFlags(table, ["--images", "photos"]);
 * assert.deepEqual([images, shardImages], ["photos", 1000]);
 * ```
 *
 * @throws {Failure} `usage`: unknown, repeated or missing flag, value out of range
 */
export function parseFlags<T extends FlagTable>(table: T, args: readonly string[]): Options<T> {
  const keys = new Map(Object.keys(table).map((key) => [flagName(key).slice(2), key]));
  const known = Object.fromEntries(
    [...keys].map(([name, key]) => [name, {
      type: table[key]!.type === "boolean" ? "boolean" as const : "string" as const,
    }]),
  );
  const { tokens } = parseArgs({ args: [...args], options: known, strict: false, tokens: true });
  const values: Record<string, string | number | boolean | string[]> = {};
  for (const token of tokens) {
    if (token.kind === "positional") refuse(`unexpected "${token.value}", values follow a --flag`);
    if (token.kind === "option-terminator") continue;
    const key = keys.get(token.name);
    if (key === undefined) {
      const candidates = [...keys.keys()].map((name) => `--${name}`);
      refuse(`unknown flag "${token.rawName}"${suggestion(token.rawName, candidates)}`);
    }
    const flag = table[key]!;
    if (flag.type === "boolean") {
      if (token.value !== undefined) refuse(`--${token.name} takes no value`);
      if (key in values) refuse(`--${token.name} is given twice`);
      values[key] = true;
      continue;
    }
    // parseArgs takes the next word as the value even when it is a flag, as in `--images --out X`.
    if (token.value === undefined || (!token.inlineValue && token.value.startsWith("--"))) {
      refuse(`--${token.name} needs a value (${flag.placeholder ?? flag.type})`);
    }
    const value = convert(`--${token.name}`, flag, token.value);
    if (flag.type === "list") ((values[key] ??= []) as string[]).push(String(value));
    else if (key in values) refuse(`--${token.name} is given twice`);
    else values[key] = value;
  }
  for (const [key, flag] of Object.entries(table)) {
    if (key in values) continue;
    if (flag.required) refuse(`${flagName(key)} is missing (${flag.help})`);
    if (flag.type === "boolean") values[key] = false;
    else if (flag.default !== undefined) values[key] = flag.default;
    else if (flag.type === "list") values[key] = [];
  }
  return values as Options<T>;
}

/** The flag part of a command's `--help`. */
export function describeFlags(table: FlagTable): string {
  const rows = Object.entries(table).map(([key, flag]) => {
    const value = flag.type === "boolean" ? "" : ` ${flag.placeholder ?? flag.type.toUpperCase()}`;
    const notes = [
      "choices" in flag && `one of ${flag.choices!.join(", ")}`,
      flag.required && "required",
      flag.type === "list" && "may be repeated",
      "default" in flag && `default ${flag.default}`,
    ].filter(Boolean);
    return [
      `  ${flagName(key)}${value}`,
      flag.help + (notes.length ? ` (${notes.join("; ")})` : ""),
    ] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => left.padEnd(width) + right).join("\n");
}
