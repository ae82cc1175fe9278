/** What the cases of a campaign share. */
import { join } from "node:path";
import type { RandomStream } from "../lib/random/mod.ts";
import { BASE, type Work } from "./chain.ts";
import type { Verdict } from "./outcome.ts";
import type { Limits, Processes } from "./processes.ts";

/** Where cases take place, and with what. */
export interface Arena {
  /** Holds the base and a folder for each case under way. */
  readonly root: string;
  readonly processes: Processes;
  readonly limits: Limits;
  /** The command line of a work. */
  commandOf(work: Work): readonly string[];
  readonly seed: number;
  /** Seconds that each work of the chain takes undisturbed. */
  readonly seconds: readonly number[];
  /** Whether strace is here and may inject signals and errors. */
  readonly traced: boolean;
}

/** One thing that is tried. */
export interface Case {
  /** `kill:12`: with the seed, all that decides it. */
  readonly id: string;
  /** Row of the table. */
  readonly row: string;
  /** Tries it in an empty folder beside the base. */
  run(folder: string, random: RandomStream): Promise<Verdict>;
}

/** Undisturbed commands take a second or two, and a quarter of this memory. */
export const LIMITS: Limits = { seconds: 60, bytes: 1e9 };

/** A file of the base. */
export function baseOf({ root }: Arena, path = ""): string {
  return join(root, BASE, path);
}

/** What a command may not leave in the folder of a case, whether it was refused or is done. */
export async function leftIn(folder: string): Promise<string[]> {
  const left: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (/^\..*\.lock$|\.tmp-\d/.test(name)) left.push(name);
  }
  return left;
}
