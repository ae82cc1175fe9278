/** Cases of ends without warning: a stage is killed somewhere, and the same command again must end right. */
import { join } from "node:path";
import type { RandomStream } from "../lib/random/mod.ts";
import { type Arena, baseOf, type Case, leftIn } from "./cases.ts";
import { CHAIN, type Work } from "./chain.ts";
import { contentsOf, differences } from "./contents.ts";
import { type Ended, judge, type Verdict } from "./outcome.ts";

/** What people send to a process, most often the one that it cannot see. */
const SIGNALS: readonly Deno.Signal[] = [
  ...Array<Deno.Signal>(7).fill("SIGKILL"),
  ...["SIGTERM", "SIGINT", "SIGHUP"] as const,
];

/** Calls before which a stage is killed: where files appear, change their name and vanish. */
const CALLS =
  "rename,renameat,renameat2 fsync,fdatasync unlink,unlinkat,rmdir mkdir,mkdirat ftruncate flock"
    .split(" ");

/** Files of a person beside an output, under names that look like ours. */
function plantedBeside(out: string): string[] {
  return [`.${out}.tmp-notes/keep.txt`, `.${out}.lock.txt`, `${out}.txt`, `.${out}.tmp-1x`];
}

/** Files of a person in a finished directory. */
const PLANTED_INSIDE = [".git/HEAD", "note.txt", ".DS_Store"];
const TEXT = "a person's own";

async function plant(folder: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await Deno.mkdir(join(folder, path, ".."), { recursive: true });
    await Deno.writeTextFile(join(folder, path), TEXT);
  }
}

/** Planted files that are gone or changed. */
async function lostOf(folder: string, paths: readonly string[]): Promise<string[]> {
  const lost: string[] = [];
  for (const path of paths) {
    const text = await Deno.readTextFile(join(folder, path)).catch(() => undefined);
    if (text !== TEXT) lost.push(path);
  }
  return lost;
}

/** strace in front of a command, doing something at each call of some kinds. */
function atCalls(calls: string, what: string): string[] {
  const optional = calls.split(",").map((name) => `?${name}`).join(",");
  const inject = ["-e", `trace=${optional}`, "-e", `inject=${optional}:${what}`];
  return ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", ...inject];
}

/** Calls of one kind take this long when a kill is to fall between them. */
const DELAY_SECONDS = 0.2;

/** A command that is killed, and how: what is in front of it, and a signal by the clock. */
interface Disturbance {
  readonly how: string;
  readonly before: readonly string[];
  readonly disturb?: { readonly seconds: number; readonly signal: Deno.Signal };
}

/**
 * By the clock; by the clock while calls that change names are slow, so that the kill falls between two of them; or
 * before the first such call of a thread, since strace counts for each thread.
 */
function drawDisturbance(random: RandomStream, arena: Arena, seconds: number): Disturbance {
  const kind = arena.traced ? random.uniform() : 0;
  const calls = CALLS[random.integer(CALLS.length)]!;
  if (kind > 0.85) {
    return { how: `killed before ${calls}`, before: atCalls(calls, "signal=KILL:when=1") };
  }
  if (kind < 0.4) {
    const signal = SIGNALS[random.integer(SIGNALS.length)]!;
    const disturb = { seconds: random.uniform(0, 1.1 * seconds), signal };
    return { how: `${signal} after ${disturb.seconds.toFixed(2)} s`, before: [], disturb };
  }
  const late = random.uniform(0.3 * seconds, 1.5 * seconds + 4 * DELAY_SECONDS);
  // Of the politer signals strace would end first, and leave the stage alone and running.
  const disturb = { seconds: late, signal: "SIGKILL" } as const;
  const how = `SIGKILL after ${disturb.seconds.toFixed(2)} s, with a slow ${calls}`;
  return { how, before: atCalls(calls, `delay_enter=${DELAY_SECONDS * 1e6}`), disturb };
}

/** Codes of a stage that got a signal: done before it came, stopped cleanly, or 128 and the signal's number. */
const ENDS = [0, 75, 129, 130, 137, 143];

/** A stage ends by the signal that it got, or says by its code that it has reacted to it. */
function isProperEnd({ code, signal, stderr }: Ended): boolean {
  // Deno itself may be hit before the stage is there to react.
  const beforeItBegan = code === 1 && stderr === "";
  return beforeItBegan ||
    (signal === null ? ENDS.includes(code) : SIGNALS.includes(signal as Deno.Signal));
}

/** The same command again has to go on, so a refusal of what its own kill has left is a wrong result. */
function goesOn({ outcome, reason }: Verdict): Verdict {
  return { outcome: outcome === "refused" ? "silently wrong" : outcome, reason };
}

const NOTHING = { different: [], left: [], free: false, warnings: [] };

/** Kills a stage up to three times in a row, then lets it end. */
export async function runKill(
  folder: string,
  { work, arena, random, seconds }: {
    readonly work: Work;
    readonly arena: Arena;
    readonly random: RandomStream;
    readonly seconds: number;
  },
): Promise<Verdict> {
  const { stage, out } = work;
  const beside = plantedBeside(out);
  await plant(folder, beside);
  const history: string[] = [];
  for (let kills = 1 + random.integer(3); kills > 0; kills--) {
    const { how, before, ...disturbance } = drawDisturbance(random, arena, seconds);
    const command = [...before, ...arena.commandOf(work)];
    const watch = { cwd: folder, limits: arena.limits, ...disturbance };
    const ended = await arena.processes.run(command, watch);
    history.push(how);
    if (ended.exceeded === undefined && isProperEnd(ended)) continue;
    const verdict = judge(stage, ended, NOTHING);
    return goesOn({ ...verdict, reason: `${history.join(", ")}: ${verdict.reason}` });
  }
  const verdict = await endUndisturbed([]);
  const isDirectory = (await Deno.stat(join(folder, out)).catch(() => undefined))?.isDirectory;
  if (verdict.outcome !== "right" || !isDirectory || random.uniform() < 0.7) return verdict;
  // A finished directory in which a person has put something is still finished.
  await plant(join(folder, out), PLANTED_INSIDE);
  history.push("again with a person's files in it");
  return await endUndisturbed(PLANTED_INSIDE);

  async function endUndisturbed(inside: readonly string[]): Promise<Verdict> {
    const watch = { cwd: folder, limits: arena.limits };
    const ended = await arena.processes.run(arena.commandOf(work), watch);
    const contents = await contentsOf(join(folder, out));
    const wanted = await contentsOf(baseOf(arena, out));
    const own = inside.map((path) => `${out}/${path}`);
    const lost = await lostOf(folder, [...beside, ...own]);
    const verdict = judge(stage, ended, {
      different: differences(contents, wanted).filter((path) => !own.includes(path)),
      left: (await leftIn(folder)).filter((name) => !beside.includes(name)),
      free: false,
      warnings: [],
    });
    const reason = `${history.join(", ")}: ${verdict.reason}`;
    if (lost.length > 0) {
      return { outcome: "silently wrong", reason: `${reason}; lost ${lost.join(", ")}` };
    }
    return goesOn({ ...verdict, reason });
  }
}

/** Kill `index` of a campaign: the stages take turns. */
export function kill(index: number, arena: Arena): Case {
  const place = index % CHAIN.length, work = CHAIN[place]!;
  const seconds = arena.seconds[place]!;
  return {
    id: `kill:${index}`,
    row: `kill: ${work.stage}`,
    run: (folder, random) => runKill(folder, { work, arena, random, seconds }),
  };
}
