/** Runs whose directories, or parts of them, cannot be written or removed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { RunDirectory } from "../../lib/run/mod.ts";
import { withFolder } from "../folder.ts";
import { asOrdinaryUser } from "../ordinary_user.ts";
import { tool } from "../tools.ts";
import { ROOT } from "../run_stage.ts";
import { lineOf, TENSORS, TINY, trainTiny } from "./small_run.ts";

const CHECKPOINTS = "checkpoints", FIRST = join(CHECKPOINTS, "step-00000001");

/** A run of {@link TINY} that was stopped after its first step. */
async function startTiny(path: string): Promise<void> {
  await using run = await RunDirectory.open(path, { ...TINY, say: () => {} });
  run.appendMetrics(lineOf(0));
  await run.writeCheckpoint({ step: 1, tensors: TENSORS });
}

/** Goes on with a run as a user for whom permissions count. */
async function trainAs(
  prefix: readonly string[],
  path: string,
): Promise<{ readonly code: number; readonly err: string }> {
  const script = join(ROOT, "tests/run/tiny_training.ts");
  const [command, ...args] = [...prefix, Deno.execPath(), "run", "-A", "--no-check", script, path];
  const { code, stderr } = await new Deno.Command(command!, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

/** Takes the right to write from a directory and everything below, or gives it back. */
async function chmod(mode: "a-w" | "u+w", path: string): Promise<void> {
  await new Deno.Command("chmod", { args: ["-R", mode, path] }).output();
}

Deno.test("a run goes on when an old checkpoint may not be removed, and every later start as well", () =>
  withFolder(async (folder) => {
    const user = await asOrdinaryUser();
    if (user === undefined) return;
    const run = join(folder, "run");
    await startTiny(run);
    await chmod("a-w", join(run, FIRST));
    const stuck = join(run, CHECKPOINTS, ".step-00000001.old");
    const line =
      `cannot remove the old checkpoint "${stuck}": permission denied, trying again at the next checkpoint\n`;
    assert.deepEqual(await trainAs(user, run), { code: 0, err: line });
    assert.deepEqual(namesIn(join(run, CHECKPOINTS)), [".step-00000001.old", "step-00000003"]);
    assert.deepEqual(namesIn(stuck), ["state.json", "state.safetensors"]);
    assert.deepEqual(await trainAs(user, run), { code: 0, err: line });
    await chmod("u+w", stuck);
    assert.deepEqual(await trainAs(user, run), { code: 0, err: "" });
    assert.deepEqual(namesIn(join(run, CHECKPOINTS)), ["step-00000003"]);
  }));

Deno.test("a run goes on when something is mounted in an old checkpoint, as busy files of NFS are", () =>
  withFolder(async (folder) => {
    const run = join(folder, "run");
    await startTiny(run);
    const busy = join(run, FIRST, ".nfs0001");
    await Deno.mkdir(busy);
    if (await tool("mount", ["-t", "tmpfs", "none", busy]) === undefined) return;
    const said: string[] = [];
    try {
      await trainTiny(run, (text) => said.push(text));
    } finally {
      await tool("umount", [busy]);
    }
    assert.deepEqual(said, [
      `cannot remove the old checkpoint "${join(run, FIRST)}": it holds ".nfs0001" too, ` +
      "trying again at the next checkpoint",
    ]);
    assert.deepEqual(namesIn(join(run, CHECKPOINTS)), ["step-00000001", "step-00000003"]);
    await Deno.remove(busy);
    await trainTiny(run, (text) => said.push(text));
    assert.deepEqual(namesIn(join(run, CHECKPOINTS)), ["step-00000003"]);
  }));

Deno.test("a run that is not finished and read-only is refused with that sentence", () =>
  withFolder(async (folder) => {
    const user = await asOrdinaryUser();
    if (user === undefined) return;
    const run = join(folder, "run");
    await startTiny(run);
    await chmod("a-w", run);
    const { code, err } = await trainAs(user, run);
    await chmod("u+w", run);
    assert.notEqual(code, 0);
    assert.ok(
      err.includes(
        `Cannot go on with "${run}": the run is not finished, and its directory is not writable ` +
          "(permission denied), change its permissions or give a copy of it as --out",
      ),
      err,
    );
  }));

Deno.test("a place where no checkpoint can be written is refused before the first step", () =>
  withFolder(async (folder) => {
    const user = await asOrdinaryUser();
    if (user === undefined) return;
    const run = join(folder, "run");
    await startTiny(run);
    const before = await Deno.readTextFile(join(run, "metrics.jsonl"));
    await Deno.chmod(join(run, CHECKPOINTS), 0o555);
    const { code, err } = await trainAs(user, run);
    await Deno.chmod(join(run, CHECKPOINTS), 0o755);
    assert.notEqual(code, 0);
    assert.match(err, new RegExp(`Cannot write "${run}/checkpoints": `));
    assert.equal(await Deno.readTextFile(join(run, "metrics.jsonl")), before);
  }));

Deno.test("a checkpoint that may not be read is not taken for damaged", () =>
  withFolder(async (folder) => {
    const user = await asOrdinaryUser();
    if (user === undefined) return;
    const run = join(folder, "run");
    await startTiny(run);
    for (const file of ["state.json", "state.safetensors"]) {
      const path = join(run, FIRST, file);
      await Deno.chmod(path, 0);
      const { code, err } = await trainAs(user, run);
      await Deno.chmod(path, 0o644);
      assert.notEqual(code, 0);
      assert.ok(
        err.includes(
          `Cannot use the checkpoint "${
            join(run, FIRST)
          }": ${file} is not readable (permission denied)`,
        ),
        err,
      );
      assert.deepEqual(namesIn(join(run, CHECKPOINTS)), ["step-00000001"]);
    }
  }));
