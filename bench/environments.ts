/** Packages of other tools that tests and measures compare with, each list in a folder of its own below `.tmp/interop`. */
import { join } from "node:path";
import { sha256 } from "../lib/files/mod.ts";
import { ROOT } from "./contestants.ts";

/** Where a program is to be found, or why it is not. */
export type Environment = { readonly path: string } | { readonly reason: string };

const HERE = join(ROOT, "tests/interop");
const FOLDER = join(ROOT, ".tmp/interop");
/** Holds a hash of the list of packages that the environment was made from; written last. */
const STAMP = "stamp";
const LONGEST_REASON = 300;

/** What a command did not do. */
class Unavailable extends Error {}

/** Runs a command. @throws {Unavailable} it is not there or it fails */
async function tryCommand(what: string, command: readonly string[], cwd?: string): Promise<string> {
  const [program, ...args] = command as [string, ...string[]];
  const text = new TextDecoder();
  let output: Deno.CommandOutput;
  try {
    const options = { args, stdin: "null", ...cwd === undefined ? {} : { cwd } } as const;
    output = await new Deno.Command(program, options).output();
  } catch (error) {
    throw new Unavailable(`${what}: ${error instanceof Error ? error.message : error}`);
  }
  if (output.success) return text.decode(output.stdout);
  const said = (text.decode(output.stderr).trim() || text.decode(output.stdout).trim())
    .split("\n").at(-1)!;
  throw new Unavailable(`${what}: ${said.slice(0, LONGEST_REASON)}`);
}

async function isStamped(folder: string, stamp: string): Promise<boolean> {
  return await Deno.readTextFile(join(folder, STAMP)).catch(() => undefined) === stamp;
}

/** Makes a folder anew unless it was made from the same list. */
async function reuseOrMake(
  folder: string,
  list: string,
  make: () => Promise<void>,
): Promise<void> {
  const stamp = sha256(await Deno.readTextFile(list));
  if (await isStamped(folder, stamp)) return;
  console.error(`interop: making "${folder}", which takes minutes the first time`);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await make();
  await Deno.writeTextFile(join(folder, STAMP), stamp);
}

async function orReason(make: () => Promise<string>): Promise<Environment> {
  try {
    return { path: await make() };
  } catch (error) {
    if (error instanceof Unavailable) return { reason: error.message };
    throw error;
  }
}

/** A virtual environment with everything of `requirements.txt`. @returns the path of its Python */
export function pythonEnvironment(): Promise<Environment> {
  return orReason(async () => {
    const requirements = join(HERE, "requirements.txt");
    const folder = join(FOLDER, "python"), python = join(folder, "bin/python");
    await reuseOrMake(folder, requirements, async () => {
      await tryCommand("python3 does not run", ["python3", "--version"]);
      await tryCommand("python3 -m venv fails", ["python3", "-m", "venv", folder]);
      // Few retries, so that a machine without a network finds out soon.
      const install = ["-m", "pip", "install", "--quiet", "--retries", "2", "-r", requirements];
      await tryCommand("pip install fails", [python, ...install]);
      const check = join(HERE, "python/check_environment.py");
      await tryCommand("a package does not load", [python, check]);
    });
    await tryCommand(`"${folder}" is broken, remove it`, [python, "--version"]);
    return python;
  });
}

/** A folder with transformers.js, which must not be in our own lock file. @returns its path */
export function nodeEnvironment(): Promise<Environment> {
  return orReason(async () => {
    const manifest = join(HERE, "js/package.json");
    await tryCommand("node does not run", ["node", "--version"]);
    const folder = join(FOLDER, "js");
    await reuseOrMake(folder, manifest, async () => {
      await Deno.copyFile(manifest, join(folder, "package.json"));
      const install = [
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
      ];
      await tryCommand("npm install fails", ["npm", ...install], folder);
    });
    return folder;
  });
}
