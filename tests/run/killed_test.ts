/** Runs killed by strace on entering each system call that renames, syncs, makes or removes something in the run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../folder.ts";
import { ROOT } from "../run_stage.ts";
import { trainTiny } from "./small_run.ts";

/** A system call, and the path that it is about where that is the same in every process. */
interface Instant {
  readonly call: string;
  readonly path?: string;
}

const CALLS = ["rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir"];
const MORE_CALLS = ["fsync", "fdatasync", "ftruncate", "mkdir", "mkdirat"];

/** Runs the training process under strace. */
async function strace(args: readonly string[], run: string): Promise<Deno.CommandOutput> {
  const script = join(ROOT, "tests/run/tiny_training.ts");
  return await new Deno.Command("strace", {
    args: ["-f", "-qq", "-y", ...args, Deno.execPath(), "run", "-A", "--no-check", script, run],
    cwd: ROOT,
    stdin: "null",
  }).output();
}

/** Every kind of instant in the life of a run, one of each: numbers of steps make no other kind. */
async function findInstants(run: string, log: string): Promise<readonly Instant[] | string> {
  try {
    const trace = `trace=${[...CALLS, ...MORE_CALLS].map((call) => `?${call}`).join()}`;
    const { code, stderr } = await strace(["-o", log, "-e", trace], run);
    if (code !== 0) return new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return String(error);
  }
  const kinds = new Map<string, Instant>();
  for (const line of (await Deno.readTextFile(log)).split("\n")) {
    const [, call, inFile, named] = /^\d+ +(\w+)\((?:\d+<([^>]+)>|"([^"]+)")/.exec(line) ?? [];
    const path = inFile ?? named ?? "";
    if (!path.startsWith(run) || /\.tmp-\d|\.out\./.test(path)) continue; // With the id of the process.
    const below = path.slice(run.length);
    kinds.set(`${call} ${below.replace(/\d+/g, "N")}`, { call: call!, path: below });
  }
  return [...kinds.values()];
}

async function killAt({ call, path }: Instant, run: string): Promise<void> {
  const args = ["-o", "/dev/null", "-e", `trace=${call}`, `--inject=${call}:signal=KILL`];
  const { signal, code } = await strace(
    [...args, ...path === undefined ? [] : ["-P", run + path]],
    run,
  );
  assert.ok(signal === "SIGKILL" || code === 137, `${call} ${path} was never called (${code})`);
}

/** What must not depend on when a run was killed. */
function outcomeOf(run: string): object {
  const read = (name: string) => Deno.readTextFileSync(join(run, name));
  const { finished: _, ...receipt } = JSON.parse(read("receipt.json"));
  return {
    files: [...Deno.readDirSync(run)].map(({ name }) => name).sort(),
    checkpoints: [...Deno.readDirSync(join(run, "checkpoints"))].map(({ name }) => name),
    state: read("checkpoints/step-00000003/state.safetensors"),
    metrics: read("metrics.jsonl"),
    config: read("config.json"),
    receipt,
  };
}

Deno.test("a run killed at any renaming, syncing or removing goes on, and ends the same", () =>
  withFolder(async (folder) => {
    const reference = join(folder, "reference");
    const found = await findInstants(reference, join(folder, "log"));
    if (typeof found === "string") {
      return console.log(`skipped: strace is of no use here (${found})`);
    }
    assert.ok(found.length > 12, `${found.length} instants`);
    const wanted = outcomeOf(reference);
    // The first renaming of a process has a name that no other has: here that of the configuration.
    for (const instant of [...found, { call: "rename" }]) {
      const run = join(folder, "run"), said: string[] = [];
      await killAt(instant, run);
      await trainTiny(run, (text) => said.push(text));
      assert.deepEqual(outcomeOf(run), wanted, JSON.stringify(instant));
      assert.deepEqual(said, [], JSON.stringify(instant));
      await Deno.remove(run, { recursive: true });
    }
    // And that of the receipt, where nothing else is left to do.
    await Deno.remove(join(reference, "receipt.json"));
    await killAt({ call: "rename" }, reference);
    await trainTiny(reference, () => {});
    assert.deepEqual(outcomeOf(reference), wanted);
  }));
