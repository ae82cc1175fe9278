/** A whole run of this project, and the same in PyTorch, by the programs that bench compares with. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { recordRun } from "../../bench/twin/record.ts";
import { readFeatures } from "../../lib/formats/arrow.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { withFolder } from "../folder.ts";
import { runStage } from "../run_stage.ts";
import { expectNear, peer, testWithPython } from "./programs.ts";

const STEPS = 6, CLASSES = ["a", "b", "c"];

async function lossesIn(path: string): Promise<number[]> {
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as { readonly loss: number }).loss);
}

const VARIANTS = {
  "the method itself": {},
  "vicreg on tokens": { "objective.regularizer": "vicreg", "objective.regularizerOn": "tokens" },
  "vicreg on pooled outputs, and clipped": {
    "objective.regularizer": "vicreg",
    "objective.regularizerWeight": 3,
    "optimizer.clipNorm": 0.5,
  },
};

for (const [variant, settings] of Object.entries(VARIANTS)) {
  testWithPython(
    `PyTorch: ${variant}: twin.py has the losses of a run, and supervised.py learns its labels`,
    async () => {
      await withFolder(async (folder) => {
        const at = (name: string) => join(folder, name);
        const files = await Promise.all(
          Array.from({ length: 24 }, (_, i) => pictureFile(i, [32, 32])),
        );
        await writeShards(at("shards"), files, { perShard: 24, classes: CLASSES });
        const stage = async (name: "pretrain" | "checkpoint" | "features", ...flags: string[]) => {
          const { code, stderr } = await runStage(name, flags);
          assert.equal(code, 0, stderr);
        };
        const length = [
          "--steps",
          String(STEPS),
          "--batch",
          "8",
          "--set",
          "schedule.warmupSteps=1",
        ];
        const set = Object.entries(settings).flatMap((
          [key, value],
        ) => ["--set", `${key}=${value}`]);
        const into = ["--shards", at("shards"), "--out", at("run")];
        await stage("pretrain", ...into, "--preset", "smoke", ...length, ...set);
        await stage("checkpoint", "--run", at("run"), "--out", at("encoder"));
        await recordRun(at("run"), { shards: at("shards"), out: at("record") });

        const record = [at("record"), "--encoder", at("encoder")];
        await peer("twin", ...record, "--out", at("twin"));
        const losses = await lossesIn(at("twin/losses.jsonl"));
        expectNear("losses", losses, await lossesIn(at("run/metrics.jsonl")), 1e-5);
        await peer("supervised", ...record, "--out", at("supervised"), "--seed", "3");
        const learned = await lossesIn(at("supervised/losses.jsonl"));
        assert.equal(learned.length, STEPS);
        assert.ok(Math.abs(learned[0]! - Math.log(CLASSES.length)) < 0.2, `${learned[0]}`);
        assert.ok(learned.at(-1)! < learned[0]!, `${learned}`);
        for (const name of ["twin", "supervised"]) {
          const summary = JSON.parse(await Deno.readTextFile(at(`${name}/summary.json`)));
          assert.equal(summary.steps, STEPS);
          const out = at(`${name}.arrow`), encoder = ["--encoder", at(`${name}/encoder`)];
          await stage("features", ...encoder, "--shards", at("shards"), "--out", out);
          assert.equal((await readFeatures(out)).rows, 24);
        }
      });
    },
  );
}
