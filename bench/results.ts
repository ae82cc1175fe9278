/** What a benchmark found: lines of JSON for scripts, a table for people, a file to keep. */
import { join } from "node:path";
import { cpus } from "node:os";
import { ROOT, type Run } from "./contestants.ts";
import type { PeerReached, Reached } from "./statistics.ts";

/** The JSON line of one measure. */
export interface Result extends Reached {
  readonly measure: string;
  /** Which of several, for example the size of a step. */
  readonly case: string;
  /** Too few repetitions to mean anything: only shows that the command works. */
  readonly quick: boolean;
  readonly threads: number;
  readonly pairs: number;
  /** Rounds in which other programs left the machine alone. The others count only where there are none of these. */
  readonly quiet_pairs: number;
  /** `null` where the work is not matrix products. */
  readonly gemm_limit_gflops: number | null;
  readonly peers: Readonly<Record<string, PeerReached>>;
}

/** A result with everything it was computed from. */
export interface Kept {
  readonly result: Result;
  /** Contestant to its runs, in the order of rounds. */
  readonly runs: Readonly<Record<string, readonly Run[]>>;
  /** What else was measured, for example the rates of matrix products before each round. */
  readonly details: object;
}

/** A machine without its name: processor and what there is of it. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly system: string;
}

export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memory_bytes: Deno.systemMemoryInfo().total,
    system: `${Deno.build.os} ${Deno.build.arch}`,
  };
}

/** `intel-xeon-2-cores`: a machine as part of a file name. */
export function machineSlug({ processor, cores }: Pick<Machine, "processor" | "cores">): string {
  const words = processor.toLowerCase()
    .replaceAll(/\((r|tm)\)|\b(cpu|processor)\b|@.*$|\d+-core\b/g, " ")
    .match(/[a-z0-9]+/g) ?? ["unknown"];
  return `${words.join("-")}-${cores}-cores`;
}

/** A path that is not taken yet: `DATE-MACHINE.json`, or with `-2`, `-3` and so on. */
export async function newRunPath(folder: string, machine: Machine, now: Date): Promise<string> {
  const name = `${now.toISOString().slice(0, 10)}-${machineSlug(machine)}`;
  for (let count = 1;; count++) {
    const path = join(folder, `${name}${count === 1 ? "" : `-${count}`}.json`);
    const taken = await Deno.stat(path).then(() => true, () => false);
    if (!taken) return path;
  }
}

async function git(...args: readonly string[]): Promise<string> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: [...args],
      cwd: ROOT,
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Which code was measured: the commit, and whether files differ from it. */
export async function thisCommit(): Promise<{ commit: string | null; changed: boolean }> {
  const commit = await git("rev-parse", "HEAD");
  const changes = await git("status", "--porcelain", "--untracked-files=no");
  return { commit: commit || null, changed: changes !== "" };
}

function megabytes(bytes: number | null): string {
  return bytes === null ? "-" : `${Math.round(bytes / 1e6)} MB`;
}

/** Rows of equally wide columns. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd())
    .join("\n");
}

/** A measure as a table: a row for this project and for each peer. */
export function resultTable({ peers, ...our }: Result): string {
  const limit = our.gemm_limit_gflops;
  const title =
    `${our.measure} ${our.case}, ${our.threads} threads, ${our.quiet_pairs} of ${our.pairs} rounds quiet` +
    `${our.quick ? ", quick: the numbers mean nothing" : ""}` +
    `${limit === null ? "" : `; large products: ${limit.toFixed(0)} GFLOP/s`}`;
  const row = (name: string, each: Reached, ratio: string) => [
    name,
    each.images_per_second.toFixed(each.images_per_second < 1000 ? 1 : 0),
    each.gflops?.toFixed(1) ?? "-",
    each.gemm_share === null ? "-" : `${(100 * each.gemm_share).toFixed(0)} %`,
    megabytes(each.peak_memory_bytes),
    each.first_useful_step_seconds.toFixed(1),
    ratio,
  ];
  const head = ["", "images/s", "GFLOP/s", "share", "peak", "first s", "ours is times as fast"];
  const others = Object.entries(peers).map(([name, each]) =>
    row(name, each, `${each.ratio.toFixed(2)} (${each.ratios.map((r) => r.toFixed(2)).join(", ")})`)
  );
  return [title, columns([head, row("ours", our, ""), ...others])].join("\n");
}
