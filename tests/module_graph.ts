import { dirname } from "node:path";
import { ROOT } from "./run_stage.ts";

/** Who imports what: paths relative to the repository, `npm:NAME` for packages, `node:NAME` for built-ins. */
export type ModuleGraph = ReadonlyMap<string, readonly string[]>;

interface InfoModule {
  readonly specifier: string;
  readonly error?: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly specifier?: string; readonly error?: string };
    readonly type?: { readonly specifier?: string; readonly error?: string };
  }[];
}

/** `npm:/@tensorflow/tfjs@4.22.0` and `npm:@tensorflow/tfjs@4.22.0` are `npm:@tensorflow/tfjs`. */
function shorten(specifier: string): string {
  return specifier.replace(`file://${ROOT}`, "").replace(/^npm:\/?(@?[^@]+)@.*$/, "npm:$1");
}

/** Every file below the given folders of the repository, as sorted paths relative to it. */
export function filesBelow(...folders: readonly string[]): string[] {
  const found: string[] = [];
  for (const folder of folders) {
    for (const { name, isDirectory } of Deno.readDirSync(ROOT + folder)) {
      if (isDirectory) found.push(...filesBelow(`${folder}/${name}`));
      else found.push(`${folder}/${name}`);
    }
  }
  return found.sort();
}

/** The module graph as Deno resolves it, of all given files; type-only imports count. */
export async function readModuleGraph(files: readonly string[]): Promise<ModuleGraph> {
  const root = files.map((file) => `import ${JSON.stringify(`file://${ROOT}${file}`)};`).join("");
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `data:application/typescript,${encodeURIComponent(root)}`],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: readonly InfoModule[];
  };
  const graph = new Map<string, string[]>();
  for (const { specifier, error, dependencies = [] } of modules) {
    if (!specifier.startsWith(`file://${ROOT}`)) continue;
    if (error !== undefined) throw new Error(error);
    const from = shorten(specifier);
    graph.set(
      from,
      dependencies.map(({ specifier: written, code, type }) => {
        const resolved = code?.specifier ?? type?.specifier;
        if (resolved === undefined) {
          throw new Error(`${from} imports "${written}": ${code?.error ?? type?.error}`);
        }
        return shorten(resolved);
      }),
    );
  }
  return graph;
}

/** The folder that a module belongs to: `lib/data`, `stages`, `tests`, or the file itself at the top of `lib`. */
export function folderOf(path: string): string {
  if (!path.startsWith("lib/")) return path.includes("/") ? path.split("/")[0]! : path;
  return dirname(path) === "lib" ? path : path.split("/").slice(0, 2).join("/");
}

/** A chain of imports that returns to its start, or nothing. */
export function findCycle(graph: ModuleGraph): readonly string[] | undefined {
  const finished = new Set<string>();
  function follow(path: readonly string[]): readonly string[] | undefined {
    const here = path.at(-1)!;
    for (const next of graph.get(here) ?? []) {
      if (path.includes(next)) return [...path.slice(path.indexOf(next)), next];
      const cycle = finished.has(next) ? undefined : follow([...path, next]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(here);
    return undefined;
  }
  for (const start of graph.keys()) {
    const cycle = finished.has(start) ? undefined : follow([start]);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** The shortest chain of imports from a module to one that `wanted` accepts, or nothing. */
export function findPath(
  graph: ModuleGraph,
  start: string,
  { wanted }: { readonly wanted: (path: string) => boolean },
): readonly string[] | undefined {
  const seen = new Set([start]);
  const waiting: (readonly string[])[] = [[start]];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    for (const next of graph.get(path.at(-1)!) ?? []) {
      if (wanted(next)) return [...path, next];
      if (!seen.has(next)) waiting.push([...path, next]);
      seen.add(next);
    }
  }
  return undefined;
}
