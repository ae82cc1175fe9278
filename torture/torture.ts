/**
 * Kills every stage at random instants, mutates every kind of file that is read, lets the file system fail, and counts how
 * that ends: `deno task torture`. What the table means: docs/reliability.md.
 */
import { join, resolve } from "node:path";
import { describeFlags, type Options, parseFlags } from "../lib/cli/mod.ts";
import { Failure, messageOf } from "../lib/failure.ts";
import { forEachConcurrently } from "../lib/files/mod.ts";
import { RandomStream } from "../lib/random/mod.ts";
import { ROOT } from "../tests/run_stage.ts";
import { type Arena, type Case, LIMITS } from "./cases.ts";
import { commandOf, makeBase } from "./chain.ts";
import { canMount, faults } from "./faults.ts";
import { kill } from "./kills.ts";
import { type Controls, mutant } from "./mutants.ts";
import { GOOD, type Verdict } from "./outcome.ts";
import { Processes, succeeds } from "./processes.ts";
import { count, type Counts, outcomeTable, withTable } from "./table.ts";

const FLAGS = {
  minutes: {
    type: "number",
    min: 0,
    max: 100_000,
    help: "how long; 5 where nothing else says when to end",
  },
  hours: { type: "number", min: 0, max: 1000, help: "the same in hours" },
  kills: {
    type: "integer",
    min: 0,
    max: 1_000_000,
    help: "how many kills; without it as many as there is time for",
  },
  mutations: { type: "integer", min: 0, max: 10_000_000, help: "how many mutations; the same" },
  seed: { type: "integer", min: 0, max: 0xffffffff, default: 0, help: "decides every case" },
  replay: { type: "list", placeholder: "ID", help: "only this case, for example mutation:17" },
  table: { type: "string", placeholder: "FILE", help: "Markdown file that gets the table" },
  keep: {
    type: "string",
    placeholder: "DIR",
    default: "runs/torture",
    help: "where the folders of failed cases are kept",
  },
} as const;

type TortureOptions = Options<typeof FLAGS>;

const HELP = `deno task torture: kills, mutations and failing file systems, and how the stages end

Flags:
${describeFlags(FLAGS)}

With --kills or --mutations it ends when they are done, else when the time is over. Each failed case prints a line with
its id; --replay ID with the same --seed repeats it. The last line is "torture: N passed, N failed".

Examples:
  deno task torture --hours 1 --seed 7
  deno task torture --kills 1000 --mutations 10000 --table docs/reliability.md
  deno task torture --seed 7 --replay mutation:17`;

/** For one kill, since there are ten times as many mutations in the table. */
const MUTATIONS_PER_KILL = 10;

function say(text: string): void {
  console.error(`torture: ${text}`);
}

/** As many cases as requested, or without end, in turns, so that a short time sees some of each. */
function* plan(options: TortureOptions, arena: Arena, mounts: boolean): Generator<Case> {
  const controls: Controls = new Map(), failing = faults(arena, { mounts });
  const counted = options.kills !== undefined || options.mutations !== undefined;
  const { kills = counted ? 0 : Infinity, mutations = counted ? 0 : Infinity } = options;
  let failed = 0, killed = 0, mutated = 0;
  while (failed < failing.length || killed < kills || mutated < mutations) {
    if (failed < failing.length) yield failing[failed++]!;
    if (killed < kills) yield kill(killed++, arena);
    for (let i = 0; i < MUTATIONS_PER_KILL && mutated < mutations; i++) {
      yield mutant(mutated++, arena, controls);
    }
  }
}

/** @throws {Failure} `usage`: an id names nothing */
function expectIds(ids: readonly string[]): void {
  for (const id of ids) {
    if (/^(kill|mutation|fault):\d{1,9}$/.test(id)) continue;
    throw new Failure("usage", `Cannot replay "${id}": wanted kill:N, mutation:N or fault:N`);
  }
}

/** Cases by their ids, those that can be made here. */
function* replayed(ids: readonly string[], arena: Arena, mounts: boolean): Generator<Case> {
  const controls: Controls = new Map();
  const failing = new Map(faults(arena, { mounts }).map((each) => [each.id, each]));
  for (const id of ids) {
    const index = Number(id.split(":")[1]);
    if (id.startsWith("kill:")) yield kill(index, arena);
    else if (id.startsWith("mutation:")) yield mutant(index, arena, controls);
    else if (failing.has(id)) yield failing.get(id)!;
    else say(`skipped: there is no ${id} here`);
  }
}

/** Ends a plan when its time is over. */
function* until(end: number, cases: Iterable<Case>): Generator<Case> {
  for (const each of cases) {
    if (performance.now() > end) return;
    yield each;
  }
}

function endOf({ minutes, hours, kills, mutations, replay }: TortureOptions): number {
  if (hours !== undefined || minutes !== undefined) {
    return performance.now() + 3600e3 * (hours ?? 0) + 60e3 * (minutes ?? 0);
  }
  const counted = kills !== undefined || mutations !== undefined || replay.length > 0;
  return counted ? Infinity : performance.now() + 5 * 60e3;
}

/** Folders of failed cases that stay; more would fill a disk. */
const MOST_KEPT = 200;

/** Runs one case in a folder of its own. @returns what it counts as, and the folder where it stays */
async function tryCase(each: Case, arena: Arena): Promise<Verdict & { folder: string }> {
  const name = each.id.replace(":", "-"), [kind, index] = each.id.split(":") as [string, string];
  const folder = await Deno.makeTempDir({ dir: arena.root, prefix: `${name}-` });
  const random = new RandomStream({ seed: arena.seed, purpose: kind, step: Number(index) });
  return { ...await each.run(folder, random), folder };
}

/** Keeps the folder of a failed case, or removes it. */
async function putAway(folder: string, kept: string | undefined): Promise<void> {
  if (kept !== undefined) {
    await Deno.remove(kept, { recursive: true }).catch(() => {});
    await Deno.rename(folder, kept).catch(() => {});
  }
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}

async function commitHere(): Promise<string> {
  try {
    const options = { args: ["rev-parse", "--short", "HEAD"], cwd: ROOT };
    const { stdout } = await new Deno.Command("git", options).output();
    return new TextDecoder().decode(stdout).trim() || "unknown";
  } catch {
    return "unknown";
  }
}

async function torture(options: TortureOptions): Promise<{ passed: number; failed: number }> {
  const { replay: ids } = options;
  expectIds(ids);
  // Below the repository: memory and temporary folders may be small, and a failed case is moved from here.
  const keep = resolve(ROOT, options.keep);
  await Deno.mkdir(keep, { recursive: true });
  const root = await Deno.makeTempDir({ dir: keep, prefix: "cases-" });
  const counts: Counts = new Map();
  let passed = 0, failed = 0;
  await using processes = await Processes.open(say);
  try {
    const traced = await succeeds(
      "strace",
      "-qq",
      "-o",
      "/dev/null",
      "-e",
      "inject=flock:delay_enter=1",
      "true",
    );
    if (!traced) say("skipped: kills and errors at calls to the system need strace");
    const mounts = await canMount();
    if (!mounts) say("skipped: full and read-only disks need unshare and mount");
    const seconds = await makeBase(root, processes, LIMITS);
    const { seed } = options;
    const arena: Arena = { root, processes, limits: LIMITS, commandOf, seed, seconds, traced };
    const cases = ids.length > 0 ? replayed(ids, arena, mounts) : plan(options, arena, mounts);
    await forEachConcurrently(until(endOf(options), cases), async (each) => {
      const { outcome, reason, folder } = await tryCase(each, arena);
      count(counts, each.row, outcome);
      const good = GOOD.includes(outcome);
      if (good) passed++;
      else failed++;
      if (!good) say(`${outcome}: ${each.id} (${each.row}): ${reason}`);
      const name = `seed-${seed}-${each.id.replace(":", "-")}`;
      await putAway(folder, good || failed > MOST_KEPT ? undefined : join(keep, name));
      if ((passed + failed) % 100 === 0) say(`${passed + failed} cases, ${failed} failed`);
    }, { inFlight: navigator.hardwareConcurrency });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
  const table = outcomeTable(counts, {
    date: new Date().toISOString().slice(0, 10),
    commit: await commitHere(),
    machine: `${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} cores`,
    seed: options.seed,
  });
  console.error(table);
  if (options.table !== undefined) {
    const path = resolve(ROOT, options.table);
    const text = await Deno.readTextFile(path).catch(() => "");
    await Deno.writeTextFile(path, withTable(text, table));
  }
  return { passed, failed };
}

if (import.meta.main) {
  if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
    console.log(HELP);
    Deno.exit(0);
  }
  try {
    const { passed, failed } = await torture(parseFlags(FLAGS, Deno.args));
    console.log(`torture: ${passed} passed, ${failed} failed`);
    Deno.exit(failed === 0 ? 0 : 1);
  } catch (error) {
    console.error(`torture: ${messageOf(error)}`);
    Deno.exit(error instanceof Failure && error.kind === "usage" ? 2 : 1);
  }
}
