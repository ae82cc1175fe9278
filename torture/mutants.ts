/** Cases of mutated inputs: a command reads one damaged file. */
import { basename, dirname, join } from "node:path";
import type { RandomStream } from "../lib/random/mod.ts";
import { type Arena, baseOf, type Case, leftIn } from "./cases.ts";
import { type Contents, contentsOf, copy, differences } from "./contents.ts";
import { mutate } from "./mutations.ts";
import { judge, type Verdict } from "./outcome.ts";
import { type Target, TARGETS } from "./targets.ts";

/** What each target gives undisturbed, made when it is first wanted. */
export type Controls = Map<string, Promise<Contents | string>>;

async function prepare(folder: string, { copies, removes = [] }: Target, arena: Arena) {
  for (const path of copies) {
    const from = path.startsWith("/") ? path : baseOf(arena, path);
    await copy(from, join(folder, basename(path)));
  }
  for (const path of removes) await Deno.remove(join(folder, path), { recursive: true });
}

async function resultOf(folder: string, { work, compared }: Target): Promise<Contents> {
  const contents = await contentsOf(join(folder, work.out));
  if (compared === undefined) return contents;
  return new Map([...contents].filter(([name]) => compared.test(name)));
}

function run(folder: string, { work }: Target, { processes, limits, commandOf }: Arena) {
  return processes.run(commandOf(work), { cwd: folder, limits });
}

/** The undisturbed result, or a sentence where there is none. */
async function control(target: Target, arena: Arena): Promise<Contents | string> {
  const folder = await Deno.makeTempDir({ dir: arena.root, prefix: "control-" });
  try {
    await prepare(folder, target, arena);
    const { code, stderr } = await run(folder, target, arena);
    if (code !== 0) return `the undamaged one gives exit ${code}: ${stderr.slice(0, 300).trim()}`;
    const result = await resultOf(folder, target);
    return result.size > 0 ? result : "the undamaged one gives nothing";
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Words of which one on stderr shows that the damage was seen: the file, or the checkpoint that it belongs to. */
function warningsAbout(path: string): string[] {
  return [basename(path), basename(dirname(path))].filter((word) => /\.|^step-/.test(word));
}

/** Damages one file of a target and judges what its reader makes of that. */
export async function runMutant(
  folder: string,
  { target, arena, controls, random }: {
    readonly target: Target;
    readonly arena: Arena;
    readonly controls: Controls;
    readonly random: RandomStream;
  },
): Promise<Verdict> {
  const { name, files, work, free = false } = target;
  if (!controls.has(name)) controls.set(name, control(target, arena));
  const wanted = await controls.get(name)!;
  if (typeof wanted === "string") return { outcome: "crashed", reason: wanted };
  await prepare(folder, target, arena);
  const file = files[random.integer(files.length)]!, path = join(folder, file);
  const mutated = mutate(await Deno.readFile(path), random);
  await Deno.writeFile(path, mutated.bytes);
  const ended = await run(folder, target, arena);
  const verdict = judge(work.stage, ended, {
    different: ended.code === 0 ? differences(await resultOf(folder, target), wanted) : [],
    left: await leftIn(folder),
    free,
    warnings: warningsAbout(file),
  });
  return { ...verdict, reason: `${mutated.name} of ${file}: ${verdict.reason}` };
}

/** Mutation `index` of a campaign: the targets take turns. */
export function mutant(index: number, arena: Arena, controls: Controls): Case {
  const target = TARGETS[index % TARGETS.length]!;
  return {
    id: `mutation:${index}`,
    row: `mutation: ${target.name}`,
    run: (folder, random) => runMutant(folder, { target, arena, controls, random }),
  };
}
