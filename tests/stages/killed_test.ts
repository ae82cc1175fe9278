/** Real stages, killed where a file or a directory and its receipt land: the same command goes on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../folder.ts";
import { ROOT, runStage, stageArguments } from "../run_stage.ts";
import { killedAt, straceWorks } from "../stracing.ts";

const STAGES = {
  masks: { flags: ["--preset", "smoke", "--steps", "1"], out: "masks.html", renames: 3 },
  scenes: { flags: ["--count", "2", "--size", "16"], out: "scenes", renames: 1 },
} as const;

for (const [name, { flags, out, renames }] of Object.entries(STAGES)) {
  const stage = name as keyof typeof STAGES;
  Deno.test(`${stage} killed between the renames of its output and its receipt goes on`, async () => {
    if (!await straceWorks()) return;
    for (let nth = 1; nth <= renames; nth++) {
      await withFolder(async (folder) => {
        const all = [...flags, "--out", join(folder, out)];
        const script = stageArguments(stage).map((part) =>
          part.startsWith("stages/") ? join(ROOT, part) : part
        );
        const command = [Deno.execPath(), ...script, ...all];
        assert.ok(await killedAt(["rename", "renameat", "renameat2"], nth, command));
        const { code, stderr } = await runStage(stage, all);
        assert.equal(code, 0, stderr);
        const again = await runStage(stage, all);
        assert.match(again.stderr, /is up to date$/m);
        const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
        assert.deepEqual(names, stage === "masks" ? [out, `${out}.receipt.json`] : [out]);
      });
    }
  });
}
