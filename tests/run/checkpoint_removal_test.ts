import assert from "node:assert/strict";
import { join } from "node:path";
import {
  removeLeftovers,
  removeOldCheckpoints,
  stepsToKeep,
} from "../../lib/run/checkpoint_removal.ts";
import { writeCheckpoint } from "../../lib/run/checkpoint_writing.ts";
import { clearUpRun } from "../../lib/run/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { withFolder } from "../folder.ts";

const TENSORS = { w: floatTensor([2]) };
const RETENTION = { keepLast: 2, keepEvery: 0, checkpointSteps: 10 };

async function writeSteps(run: string, steps: readonly number[]): Promise<void> {
  for (const step of steps) await writeCheckpoint(run, { step, tensors: TENSORS });
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

/** What removing old checkpoints, and then leftovers, says: a path below the run and the reason. */
async function removeAll(run: string): Promise<string[]> {
  const said: string[] = [];
  const onStuck = (path: string, reason: string) => {
    said.push(`${path.slice(run.length + 1)}: ${reason}`);
  };
  await removeOldCheckpoints(run, RETENTION, onStuck);
  const before = [...said];
  await removeLeftovers(run, onStuck);
  assert.deepEqual([...new Set(said)], before);
  return before;
}

Deno.test("stepsToKeep() keeps the last K and every Mth, and a stop between them only for a while", () => {
  const keep = (steps: number[], keepLast: number, keepEvery: number) =>
    [...stepsToKeep(steps, { keepLast, keepEvery, checkpointSteps: 10 })].sort((a, b) => a - b);
  assert.deepEqual(keep([10, 20, 30, 40], 2, 0), [30, 40]);
  assert.deepEqual(keep([10, 20, 30, 40], 1, 2), [20, 40]);
  assert.deepEqual(keep([10, 20, 23], 2, 0), [20, 23]);
  assert.deepEqual(keep([20, 23, 30], 2, 0), [20, 30]);
  assert.deepEqual(keep([10, 20, 30, 33], 2, 0), [30, 33]);
  assert.deepEqual(keep([10], 3, 0), [10]);
  assert.deepEqual(keep([3], 1, 0), [3]);
});

Deno.test("removeOldCheckpoints() and removeLeftovers() leave only what is kept", async () => {
  await withFolder(async (run) => {
    await writeSteps(run, [10, 20, 30]);
    for (const name of [".step-00000040.tmp", ".step-00000040.tmp-2", ".step-00000001.old"]) {
      const path = join(run, "checkpoints", name);
      await Deno.mkdir(path);
      await Deno.writeTextFile(join(path, "state.json"), "{");
    }
    assert.deepEqual(await removeAll(run), []);
    assert.deepEqual(namesIn(join(run, "checkpoints")), ["step-00000020", "step-00000030"]);
  });
});

Deno.test("removeLeftovers() removes exact names of its own and nothing else", async () => {
  await withFolder(async (run) => {
    const directory = join(run, "checkpoints");
    const foreign = [".git", ".step-1.tmp", ".step-00000001.tmpfile", ".step-00000001.older", ".x"];
    for (const name of foreign) await Deno.mkdir(join(directory, name), { recursive: true });
    await Deno.writeTextFile(join(directory, ".DS_Store"), "");
    await Deno.writeTextFile(join(directory, ".step-00000002.tmp"), "a file");
    await Deno.mkdir(join(run, "elsewhere"));
    await Deno.writeTextFile(join(run, "elsewhere", "state.json"), "mine");
    await Deno.symlink(join(run, "elsewhere"), join(directory, ".step-00000003.old"));
    const before = namesIn(directory);
    assert.deepEqual(await removeAll(run), [
      "checkpoints/.step-00000002.tmp: it is no directory",
      "checkpoints/.step-00000003.old: it is no directory",
    ]);
    assert.deepEqual(namesIn(directory), before);
    assert.equal(await Deno.readTextFile(join(run, "elsewhere", "state.json")), "mine");
  });
});

Deno.test("removeOldCheckpoints() leaves a checkpoint whole in which somebody has put other files", async () => {
  await withFolder(async (run) => {
    await writeSteps(run, [10, 20, 30]);
    const old = join(run, "checkpoints/step-00000010");
    await Deno.writeTextFile(join(old, "best so far.md"), "keep");
    assert.deepEqual(await removeAll(run), [
      'checkpoints/step-00000010: it holds "best so far.md" too',
    ]);
    assert.deepEqual(namesIn(old), ["best so far.md", "state.json", "state.safetensors"]);
  });
});

Deno.test("removeOldCheckpoints() never follows a link for removing", async () => {
  await withFolder(async (run) => {
    await writeSteps(run, [10, 20, 30]);
    const old = join(run, "checkpoints/step-00000010"), elsewhere = join(run, "scratch");
    await Deno.rename(old, elsewhere);
    await Deno.symlink(elsewhere, old);
    assert.deepEqual(await removeAll(run), ["checkpoints/step-00000010: it is no directory"]);
    assert.deepEqual(namesIn(elsewhere), ["state.json", "state.safetensors"]);
    // The files of a checkpoint may be links as well: they go, and what they lead to stays.
    const inner = join(run, "checkpoints/step-00000020/state.safetensors");
    await Deno.rename(inner, join(run, "state"));
    await Deno.symlink(join(run, "state"), inner);
    await writeSteps(run, [40]);
    await removeAll(run);
    assert.deepEqual(namesIn(join(run, "checkpoints")), [
      "step-00000010",
      "step-00000030",
      "step-00000040",
    ]);
    assert.ok((await Deno.stat(join(run, "state"))).size > 0);
  });
});

Deno.test("writeCheckpoint() finds another name where a leftover cannot be removed", async () => {
  await withFolder(async (run) => {
    const stuck = join(run, "checkpoints/.step-00000010.tmp");
    await Deno.mkdir(join(stuck, ".nfs0001"), { recursive: true });
    await writeSteps(run, [10]);
    assert.deepEqual(await removeAll(run), [
      'checkpoints/.step-00000010.tmp: it holds ".nfs0001" too',
    ]);
    assert.deepEqual(namesIn(join(run, "checkpoints")), [".step-00000010.tmp", "step-00000010"]);
  });
});

Deno.test("clearUpRun() removes what was left behind a finished run, and nothing else", () =>
  withFolder(async (run) => {
    await writeSteps(run, [10, 20]);
    const checkpoints = join(run, "checkpoints");
    await Deno.rename(join(checkpoints, "step-00000010"), join(checkpoints, ".step-00000010.old"));
    await Deno.mkdir(join(checkpoints, ".step-00000005.old"));
    await Deno.writeTextFile(join(checkpoints, ".step-00000005.old/thesis"), "mine");
    await Deno.mkdir(join(checkpoints, ".step-mine.old"));
    await Deno.writeTextFile(join(run, ".lock"), "process 77\n");
    await clearUpRun(run);
    assert.deepEqual(namesIn(run), ["checkpoints"]);
    assert.deepEqual(namesIn(checkpoints), [
      ".step-00000005.old",
      ".step-mine.old",
      "step-00000020",
    ]);
    assert.deepEqual(namesIn(join(checkpoints, ".step-00000005.old")), ["thesis"]);
  }));
