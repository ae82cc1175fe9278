/** The harness sees what it is there for: programs with faults of every kind in the place of the stages. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { RandomStream } from "../../lib/random/mod.ts";
import type { Arena } from "../../torture/cases.ts";
import { runKill } from "../../torture/kills.ts";
import { runMutant } from "../../torture/mutants.ts";
import { Processes } from "../../torture/processes.ts";
import type { Outcome } from "../../torture/outcome.ts";
import type { Target } from "../../torture/targets.ts";
import { withFolder } from "../folder.ts";

/** Reads input.txt, whose good content is 1000 letters, and writes out. */
const READERS: Readonly<Record<string, readonly [program: string, Outcome]>> = {
  "compares and refuses": [
    `if (!good) { console.error("probe: Cannot read input.txt: it is damaged"); Deno.exit(65); }`,
    "refused",
  ],
  "ignores what it reads": ["", "right"],
  "takes what it reads": ["Deno.writeTextFileSync(out, input); Deno.exit(0);", "silently wrong"],
  "says that it takes the rest": [
    `if (!good) console.error("probe: passing over a part of input.txt");
     Deno.writeTextFileSync(out, input); Deno.exit(0);`,
    "right",
  ],
  "throws": ["if (!good) throw new TypeError('x is undefined');", "crashed"],
  "exits without a word": ["if (!good) Deno.exit(65);", "crashed"],
  "never ends": ["if (!good) await new Promise((end) => setTimeout(end, 60_000));", "hung"],
  "takes memory": [
    `if (!good) { const all = new Uint8Array(5e8).fill(1);
       await new Promise((end) => setTimeout(end, 2_000)); console.log(all.length); }`,
    "over 1 GB",
  ],
  "leaves a part": [
    `if (!good) { Deno.writeTextFileSync(".out.tmp-1", "half");
       console.error("probe: Cannot read input.txt: it is damaged"); Deno.exit(65); }`,
    "silently wrong",
  ],
};

const INPUT = "a".repeat(1000);
const TARGET: Target = {
  name: "input",
  copies: ["input.txt"],
  files: ["input.txt"],
  work: { stage: "probe", flags: [], out: "out" },
};

async function withArena(
  command: readonly string[],
  body: (arena: Arena, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (root) => {
    await Deno.mkdir(join(root, "base"));
    await Deno.mkdir(join(root, "case"));
    await Deno.writeTextFile(join(root, "base/input.txt"), INPUT);
    await using processes = await Processes.open(() => {});
    const limits = { seconds: 20, bytes: 4e8 };
    const rest = { seed: 0, seconds: [], traced: false, commandOf: () => command };
    await body({ root, processes, limits, ...rest }, join(root, "case"));
  });
}

for (const [what, [program, wanted]] of Object.entries(READERS)) {
  Deno.test(`a reader that ${what} is counted as ${wanted}`, async () => {
    const script = `const input = Deno.readTextFileSync("input.txt"), out = "out";
      const good = input === "a".repeat(1000);
      ${program}
      Deno.writeTextFileSync(out, "done");`;
    const command = [Deno.execPath(), "run", "-A", "--no-check", "--ext=ts", "../program.ts"];
    await withArena(command, async (arena, folder) => {
      if (wanted === "over 1 GB" && !arena.processes.seesMemory) {
        return console.log("skipped: memory is seen on Linux only, by a bash");
      }
      await Deno.writeTextFile(join(arena.root, "program.ts"), script);
      const limits = wanted === "hung" ? { ...arena.limits, seconds: 5 } : arena.limits;
      const random = new RandomStream({ seed: 0, purpose: "mutation" });
      const verdict = await runMutant(folder, {
        target: TARGET,
        arena: { ...arena, limits },
        controls: new Map(),
        random,
      });
      assert.equal(verdict.outcome, wanted, verdict.reason);
    });
  });
}

/** Stages that are killed: half a file is written at once, and the whole a while later. */
const WRITERS: Readonly<Record<string, readonly [program: string, Outcome]>> = {
  "takes half a file for the whole": [
    "[ -e out ] || { printf half >out; sleep 4; printf whole >out; }",
    "silently wrong",
  ],
  "renames when it is whole": ["printf half >.part; printf whole >.part; mv .part out", "right"],
  "removes a person's files": ["rm -rf .out.tmp-*; printf whole >out", "silently wrong"],
  "refuses what it has left": [
    "[ -e part ] && { echo 'probe: Cannot write out: part is there' >&2; exit 73; }; " +
    "printf half >part; sleep 4; mv part out",
    "silently wrong",
  ],
};

for (const [what, [program, wanted]] of Object.entries(WRITERS)) {
  Deno.test(`a killed stage that ${what} is counted as ${wanted}`, async () => {
    await withArena(["sh", "-c", program], async (arena, folder) => {
      await Deno.writeTextFile(join(arena.root, "base/out"), "whole");
      // Of this seed the first of three kills comes after a second.
      const random = new RandomStream({ seed: 0, purpose: "kill" });
      const verdict = await runKill(folder, { work: TARGET.work, arena, random, seconds: 2 });
      assert.equal(verdict.outcome, wanted, verdict.reason);
    });
  });
}
