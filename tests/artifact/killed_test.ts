/** Artefacts whose process is killed at every call that changes what lies where: the same command goes on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../folder.ts";
import { killedAt, PLACING_CALLS, straceWorks } from "../stracing.ts";
import { PRESS, pressArtifact } from "./press_artifact.ts";
import { snapshot } from "./pressed.ts";

/** More calls than one of these processes makes of a kind in one thread. */
const MOST_CALLS = 40;

/** What a person has there, and what the tool had made before. */
const SCENARIOS = {
  "a new directory": { kind: "directory", before: [], foreign: {} },
  "a new directory in an empty one": {
    kind: "directory",
    before: [],
    foreign: { "out/.gitkeep": "" },
  },
  "a directory in the place of another": {
    kind: "directory",
    before: ["old"],
    foreign: { "out/.git": "mine", "out/pages/note": "mine" },
  },
  "a new file": { kind: "file", before: [], foreign: { "out.txt": "mine" } },
  "a file in the place of another": {
    kind: "file",
    before: ["old"],
    foreign: { "out.txt": "mine" },
  },
} as const;

async function put(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await Deno.mkdir(join(folder, name, ".."), { recursive: true });
    await Deno.writeTextFile(join(folder, name), text);
  }
}

/** What is there before, and what is called. */
interface Scenario {
  readonly kind: "file" | "directory";
  readonly before: readonly string[];
  readonly foreign: Readonly<Record<string, string>>;
}

/** Kills one process, runs the same command again, and looks at what is there then. @returns whether it was killed */
async function killAndGoOn(
  { kind, before, foreign }: Scenario,
  calls: readonly string[],
  nth: number,
): Promise<boolean> {
  // In the place of another only with force, and again with it.
  const force = before.length > 0;
  let killed = false;
  await withFolder(async (folder) => {
    const out = join(folder, "out");
    for (const text of before) await pressArtifact(kind, out, { text, force: false });
    await put(folder, foreign);
    const flags = force ? ["force"] : [];
    killed = await killedAt(calls, nth, [...PRESS, kind, out, "new", ...flags]);
    await pressArtifact(kind, out, { text: "new", force });
    const where = `killed at ${calls[0]} ${nth}`;
    const receiptName = kind === "file" ? "out.receipt.json" : "out/receipt.json";
    const { [receiptName]: receipt, ...files } = snapshot(folder);
    const own = kind === "file" ? { out: "new" } : { "out/a": "new", "out/pages/b": "new" };
    assert.deepEqual(files, { ...own, ...foreign }, where);
    assert.equal(JSON.parse(receipt!).former, undefined, where);
    const again = await pressArtifact(kind, out, { text: "new", force: false });
    assert.equal(again.status, "up to date", where);
  });
  return killed;
}

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  Deno.test(`${name}: killed at any call, the same command ends right`, async () => {
    if (!await straceWorks()) return;
    const kills = await Promise.all(PLACING_CALLS.map(async (calls) => {
      for (let nth = 1; nth < MOST_CALLS; nth++) {
        if (!await killAndGoOn(scenario, calls, nth)) return nth - 1;
      }
      throw new Error(`${calls[0]} was called more than ${MOST_CALLS} times`);
    }));
    assert.ok(kills.reduce((sum, count) => sum + count) >= 5, `killed only ${kills} times`);
  });
}
