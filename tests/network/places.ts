/** Where a stage may read and write, and why: everything else is an offence. */
import { dirname, join } from "node:path";
import { ROOT } from "../run_stage.ts";
import type { Access } from "./system_calls.ts";

/** What a stage was started with. */
export interface Surroundings {
  /** Holds inputs, outputs and the temporary folder, and nothing else. */
  readonly work: string;
  readonly home: string;
  /** Of Deno: `DENO_DIR`. */
  readonly denoCache: string;
  /** Where the C compiler is installed: it may read its own parts. */
  readonly compiler: readonly string[];
}

interface Place {
  readonly files: RegExp;
  readonly why: string;
}

/** Folders of the system, the same on every machine, and never written to. */
const SYSTEM: readonly Place[] = [
  { files: /^\/(usr\/)?lib(32|64|exec)?\//, why: "shared libraries and parts of the C compiler" },
  { files: /^\/usr\/local\/(lib(32|64)?|include)(\/|$)/, why: "the same, of the machine" },
  { files: /^\/usr\/include\//, why: "headers, for the C compiler" },
  { files: /^\/usr\/share\/(locale|zoneinfo)\//, why: "texts of the C compiler, the time zone" },
  { files: /^\/(usr\/)?bin\/ldd$/, why: "sharp looks in it for which C library there is" },
  { files: /^\/etc\/ld(\.so\.(cache|preload|conf)|-musl-.*\.path)$/, why: "the loader's list" },
  { files: /^\/etc\/(localtime|timezone)$/, why: "the time zone" },
  {
    files: /^\/proc\/(self|\d+)\/(maps|cgroup|mountinfo|stat|status|statm|cmdline|auxv)$/,
    why: "V8, libuv",
  },
  {
    files: /^\/proc\/(meminfo|cpuinfo|stat|version|sys\/(kernel|vm)\/\w+)$/,
    why: "threads, memory",
  },
  { files: /^\/sys\/(devices\/system\/(cpu|node)|fs\/cgroup)(\/|$)/, why: "numbers of processors" },
  { files: /^\/sys\/(bus\/pci|devices\/pci)/, why: "ONNX Runtime looks for accelerators" },
  { files: /^\/dev\/u?random$/, why: "random numbers" },
];

/** Written to although it is no output: nothing is kept there. */
const NOWHERE = /^\/dev\/(null|tty|shm\/[\w.-]*)$/;

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** Deno compares the installed packages with the lock file at each start, one process at a time. */
const LOCK_OF_DENO = /^node_modules\/\.deno\/\.(deno\.lock(\.poll)?|setup-cache\.bin)$/;

/** Deno looks for its settings in all folders above the code. */
function isSettingsOfDeno(path: string, home: string): boolean {
  const above: string[] = [];
  for (let folder = dirname(ROOT.slice(0, -1)); above.at(-1) !== folder; folder = dirname(folder)) {
    above.push(folder);
  }
  const names = ["deno.json", "deno.jsonc", "package.json", ".npmrc"];
  return path === join(home, ".npmrc") ||
    names.some((name) => above.some((folder) => path === join(folder, name)));
}

/** Whether an access is one that the promise of SECURITY.md allows. */
export function isAllowed({ path, writes }: Access, around: Surroundings): boolean {
  const caches = [
    around.denoCache,
    join(ROOT, "node_modules/.cache"),
    join(around.home, ".cache/ijepa/native"),
  ];
  if (NOWHERE.test(path) || [around.work, ...caches].some((folder) => isBelow(path, folder))) {
    return !isBelow(path, around.home) || caches.some((folder) => isBelow(path, folder));
  }
  if (isBelow(path, ROOT) && LOCK_OF_DENO.test(path.slice(ROOT.length))) return true;
  if (writes) return false;
  if (around.compiler.some((folder) => isBelow(path, folder))) return true;
  return isBelow(path, ROOT) || path === Deno.execPath() || isSettingsOfDeno(path, around.home) ||
    SYSTEM.some(({ files }) => files.test(path));
}
