import assert from "node:assert/strict";
import { join } from "node:path";
import { EventsFile, TAGS } from "../../lib/run/events.ts";
import type { MetricsLine } from "../../lib/run/mod.ts";
import { withFolder } from "../folder.ts";
import { lineOf } from "./small_run.ts";

/** With every column that there is. */
const LINE: Required<MetricsLine> = {
  ...lineOf(0),
  loss: 0.5,
  regularizer: 1.5,
  gradient_norm: 2,
  target_rank: 4.5,
};

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

/** How many bytes each record of a file has, its frame included. */
async function recordsIn(path: string): Promise<number[]> {
  const bytes = await Deno.readFile(path);
  const view = new DataView(bytes.buffer);
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length; at += lengths.at(-1)!) {
    lengths.push(Number(view.getBigUint64(at, true)) + 16);
  }
  return lengths;
}

Deno.test("EventsFile makes a file with its first step, and every step is there at once", async () => {
  await withFolder(async (run) => {
    using events = new EventsFile(run);
    assert.deepEqual(await namesIn(run), []);
    await events.sync();
    events.append(LINE);
    assert.deepEqual(await namesIn(run), ["tensorboard"]);
    const [name, ...more] = await namesIn(events.path);
    assert.deepEqual(more, []);
    assert.match(
      name!,
      new RegExp(`^events\\.out\\.tfevents\\.\\d{10}\\.ijepa\\.${Deno.pid}\\.0$`),
    );
    const file = join(events.path, name!);
    assert.equal((await recordsIn(file)).length, 3); // Version, start, step 0.
    events.append({ ...LINE, step: 1 });
    assert.equal((await recordsIn(file)).length, 4);
    const text = new TextDecoder().decode(await Deno.readFile(file));
    for (const [tag] of TAGS) assert.equal(text.split(tag).length - 1, 2, tag);
  });
});

Deno.test("EventsFile leaves out what a line does not have", async () => {
  await withFolder(async (run) => {
    using events = new EventsFile(run);
    events.append(lineOf(1));
    const [name] = await namesIn(events.path);
    const text = await Deno.readTextFile(join(events.path, name!));
    const missing = TAGS.map(([tag]) => tag).filter((tag) => !text.includes(tag));
    assert.deepEqual(missing, ["train/regularizer", "train/gradient_norm", "targets/rank"]);
  });
});

Deno.test("EventsFile goes on in another file, whose name comes later even within a second", async () => {
  await withFolder(async (run) => {
    const names: string[] = [];
    for (let part = 0; part < 3; part++) {
      using events = new EventsFile(run);
      events.append({ ...LINE, step: part });
      const fresh = (await namesIn(events.path)).filter((name) => !names.includes(name));
      assert.equal(fresh.length, 1);
      names.push(...fresh);
    }
    assert.deepEqual(names, names.toSorted());
    using nothing = new EventsFile(run);
    await nothing.sync();
    assert.equal((await namesIn(join(run, "tensorboard"))).length, 3);
  });
});

Deno.test("EventsFile passes over a number in a name that no clock has", async () => {
  await withFolder(async (run) => {
    const folder = join(run, "tensorboard");
    await Deno.mkdir(folder);
    const strange = `events.out.tfevents.${"9".repeat(40)}.host.1.0`;
    await Deno.writeTextFile(join(folder, strange), "");
    using events = new EventsFile(run);
    events.append(LINE);
    const [name] = (await namesIn(folder)).filter((name) => name !== strange);
    assert.match(name!, /^events\.out\.tfevents\.\d{10}\.ijepa\./);
  });
});

Deno.test("EventsFile shows every column but the step and its duration", () => {
  const shown = TAGS.map(([, column]) => column as string);
  const columns = Object.keys(LINE).filter((column) => !["step", "seconds"].includes(column));
  assert.deepEqual(shown.toSorted(), columns.toSorted());
});
