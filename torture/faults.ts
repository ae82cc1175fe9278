/** Cases of a failing file system: full, read-only, without locks, slow, with errors when it syncs, renames or reads. */
import { join } from "node:path";
import type { RandomStream } from "../lib/random/mod.ts";
import { type Arena, baseOf, type Case, leftIn } from "./cases.ts";
import { CHAIN, type Work } from "./chain.ts";
import { contentsOf, differences } from "./contents.ts";
import { judge, type Verdict } from "./outcome.ts";
import { succeeds } from "./processes.ts";

/** A fault, as the command in front of the stage that makes it happen. */
interface Fault {
  readonly name: string;
  readonly needs: "mounts" | "strace";
  wrap(command: readonly string[], random: RandomStream): readonly string[];
}

/** Runs the command on a disk of its own at `disk`, then copies what is left on it to `left`. */
function onDisk(options: (random: RandomStream) => string): Fault["wrap"] {
  const program = 'mount -t tmpfs -o "$1" tmpfs disk && shift && cd disk && ' +
    '{ "$@"; code=$?; cp -a . ../left; exit $code; }';
  return (
    command,
    random,
  ) => ["unshare", ...MOUNTS.flags, "sh", "-c", program, "sh", options(random), ...command];
}

function injected(calls: string, what: (random: RandomStream) => string): Fault["wrap"] {
  const optional = calls.split(",").map((name) => `?${name}`).join(",");
  return (command, random) => [
    ...["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null"],
    ...["-e", `trace=${optional}`, "-e", `inject=${optional}:${what(random)}`],
    ...command,
  ];
}

/** At the first call of each thread, or a later one, once or for good: strace counts for each thread. */
function sometime(random: RandomStream): string {
  const first = random.uniform() < 0.6 ? 1 : 1 + random.integer(4);
  return random.uniform() < 0.5 ? `when=${first}` : `when=${first}+`;
}

function failing(calls: string, code: string): Fault["wrap"] {
  return injected(calls, (random) => `error=${code}:${sometime(random)}`);
}

const SYNC = "fsync,fdatasync,sync_file_range", RENAME = "rename,renameat,renameat2";

const FAULTS: readonly Fault[] = [
  {
    name: "full disk",
    needs: "mounts",
    wrap: onDisk((random) => `size=${4 * Math.ceil(2 ** random.uniform(0, 8))}k`),
  },
  {
    name: "no more files",
    needs: "mounts",
    wrap: onDisk((random) => `nr_inodes=${Math.ceil(2 ** random.uniform(1, 5))}`),
  },
  { name: "read-only disk", needs: "mounts", wrap: onDisk(() => "ro") },
  ...["ENOSYS", "EOPNOTSUPP", "ENOLCK"].map((code): Fault => ({
    name: "no locks",
    needs: "strace",
    wrap: injected("flock", () => `error=${code}`),
  })),
  { name: "EIO on sync", needs: "strace", wrap: failing(SYNC, "EIO") },
  { name: "full on sync", needs: "strace", wrap: failing(SYNC, "ENOSPC") },
  { name: "EIO on rename", needs: "strace", wrap: failing(RENAME, "EIO") },
  { name: "full on rename", needs: "strace", wrap: failing(RENAME, "ENOSPC") },
  { name: "nothing removed", needs: "strace", wrap: failing("unlink,unlinkat,rmdir", "EPERM") },
  {
    name: "slow sync",
    needs: "strace",
    wrap: injected(SYNC, () => "delay_enter=30000"),
  },
];

/** How a process gets mounts of its own; found out by {@link canMount}. */
const MOUNTS: { flags: readonly string[] } = { flags: ["-m"] };

/** Whether mounts are allowed here. */
export async function canMount(): Promise<boolean> {
  for (const flags of [["-m"], ["-rm"]]) {
    const args = [...flags, "sh", "-c", "mount -t tmpfs tmpfs /tmp"];
    if (await succeeds("unshare", ...args)) {
      MOUNTS.flags = flags;
      return true;
    }
  }
  return false;
}

/** Runs a stage while something fails, judges that, and runs it again when nothing does. */
async function runFault(
  folder: string,
  { fault, work, arena, random }: {
    readonly fault: Fault;
    readonly work: Work;
    readonly arena: Arena;
    readonly random: RandomStream;
  },
): Promise<Verdict> {
  const onDisk = fault.needs === "mounts";
  // On a disk of its own the case lies one folder deeper, and so must its base.
  if (onDisk) {
    await Deno.mkdir(join(folder, "disk"));
    await Deno.symlink(baseOf(arena), join(folder, "base"));
  }
  const watch = { cwd: folder, limits: arena.limits };
  const wanted = await contentsOf(baseOf(arena, work.out));
  const ended = await arena.processes.run(fault.wrap(arena.commandOf(work), random), watch);
  const place = onDisk ? join(folder, "left") : folder;
  // What cannot be removed stays.
  const stays = fault.name === "nothing removed";
  const different = differences(await contentsOf(join(place, work.out)), wanted);
  const verdict = judge(work.stage, ended, {
    different: stays ? different.filter((path) => !/(^|\/)\./.test(path)) : different,
    left: stays ? [] : await leftIn(place).catch(() => []),
    free: false,
    warnings: [],
  });
  const reason = `${fault.name}: ${verdict.reason}`;
  if (!["refused", "right"].includes(verdict.outcome) || onDisk) return { ...verdict, reason };
  const again = await arena.processes.run(arena.commandOf(work), watch);
  const after = judge(work.stage, again, {
    different: differences(await contentsOf(join(folder, work.out)), wanted),
    left: await leftIn(folder),
    free: false,
    warnings: [],
  });
  if (after.outcome === "right") return { ...verdict, reason };
  const outcome = after.outcome === "refused" ? "silently wrong" : after.outcome;
  return { outcome, reason: `${reason}; then, without the fault: ${after.reason}` };
}

/** Every fault with every stage once, those that can be made here; ids are the same everywhere. */
export function faults(arena: Arena, { mounts }: { readonly mounts: boolean }): Case[] {
  return FAULTS.flatMap((fault, row) => {
    if (fault.needs === "mounts" ? !mounts : !arena.traced) return [];
    return CHAIN.map((work, column): Case => ({
      id: `fault:${row * CHAIN.length + column}`,
      row: `fault: ${fault.name}`,
      run: (folder, random) => runFault(folder, { fault, work, arena, random }),
    }));
  });
}
