import assert from "node:assert/strict";
import { join } from "node:path";
import { readRun } from "../../lib/run/mod.ts";
import { CONFIG, inRun, RECORD, refusal, withRun, withValues } from "./small_run.ts";

type Json = Record<string, Record<string, Record<string, unknown>>>;

/** A run whose `config.json` was changed by hand, or was written by another version. */
async function withRecord(
  change: (record: Json) => void,
  use: (run: string) => Promise<void>,
): Promise<void> {
  await withRun(async (run) => {
    await inRun(run, RECORD);
    const path = join(run, "config.json");
    const record = JSON.parse(await Deno.readTextFile(path));
    change(record);
    await Deno.writeTextFile(path, JSON.stringify(record));
    await use(run);
  });
}

Deno.test("readRun() gives settings that are newer than the run their defaults", async () => {
  await withRecord((record) => {
    delete record["config"]!["objective"];
    delete record["config"]!["run"]!["accumulate"];
    delete record["origins"]!["run.accumulate"];
  }, async (run) => {
    const { config, origins } = await readRun(run);
    assert.deepEqual(config, CONFIG);
    assert.equal(origins["run.accumulate"], "default");
    assert.equal(origins["schedule.steps"], "--steps");
  });
});

Deno.test("RunDirectory.open() goes on with a run that did not know a setting yet, and says so", async () => {
  await withRecord((record) => {
    Object.assign(record, { tool: "0.0.9" });
    delete record["config"]!["objective"]!["loss"];
    delete record["config"]!["masks"]!["strategy"];
  }, async (run) => {
    assert.deepEqual(await inRun(run, RECORD), [
      'the run was begun by version "0.0.9", which did not know masks.strategy, objective.loss: taken as the default',
      'the run was started with tool version "0.0.9", now "0.1.0": values may differ in the last digits',
    ]);
    assert.deepEqual(await readRun(run), { ...RECORD, tool: "0.0.9" });
    assert.equal((await inRun(run, RECORD)).length, 1); // From then on the record has it.
  });
});

Deno.test("a run whose contexts followed the batch is refused with its reason, and can still be read", async () => {
  const former = withValues({ masks: { contextKeepFraction: 1 } });
  await withRun(async (run) => {
    await inRun(run, former); // As an earlier version began it.
    const before = await Deno.readTextFile(join(run, "config.json"));
    const { kind, message } = await refusal(run, RECORD);
    assert.deepEqual([kind, message], [
      "output",
      `Cannot go on with "${run}": an earlier version began it with contexts as long as each batch allowed ` +
      "(masks.contextKeepFraction 1), and here all contexts of a run have one length, go on with that " +
      "version or give another --out; its checkpoints stay as they are and can be exported",
    ]);
    assert.equal(await Deno.readTextFile(join(run, "config.json")), before);
    assert.deepEqual(await readRun(run), former);
  });
});

Deno.test("RunDirectory.open() refuses another value than the default of a setting that the run did not know", async () => {
  await withRecord((record) => {
    delete record["config"]!["objective"]!["loss"];
  }, async (run) => {
    const before = await Deno.readTextFile(join(run, "config.json"));
    assert.match(
      (await refusal(run, withValues({ objective: { loss: "l2" } }))).message,
      /: objective\.loss is "smoothL1" there and "l2" here, repeat the command that started it/,
    );
    assert.equal(await Deno.readTextFile(join(run, "config.json")), before);
  });
});

Deno.test("RunDirectory.open() refuses a setting that only a later version knows", async () => {
  for (const [group, key] of [["objective", "temperature"], ["teacher", "heads"]] as const) {
    await withRecord((record) => {
      Object.assign(record, { tool: "9.0.0" });
      (record["config"]![group] ??= {})[key] = 0.5;
    }, async (run) => {
      const { kind, message } = await refusal(run, RECORD);
      assert.deepEqual([kind, message], [
        "data",
        `Cannot open the run "${run}": it was begun by version "9.0.0" with the setting ${group}.${key}, ` +
        "which this version does not know, go on with that version",
      ]);
    });
  }
});

Deno.test("readRun() refuses what is not the record of a run, with the first wrong place", async () => {
  const cases: [change: (record: Json) => void, what: RegExp][] = [
    [
      (record) => Object.assign(record, { format: "ijepa-probe" }),
      /"format" wants "ijepa-run", got "ijepa-probe", /,
    ],
    [(record) => Object.assign(record, { version: 2 }), /"version" wants 1, got 2, /],
    [
      (record) => Object.assign(record, { config: [] }),
      /config\.json wants groups of values like .*, got \[\]$/,
    ],
    [
      (record) => Object.assign(record, { config: { run: 3 } }),
      /run from config .* wants an object of values, got 3$/,
    ],
    [
      (record) => Object.assign(record["shards"]!, { images: -1 }),
      /"shards\.images" wants at least 1, got -1, /,
    ],
    [(record) => Object.assign(record["shards"]!, { images: 1e300 }), /"shards\.images" wants /],
    [
      (record) => Object.assign(record["shards"]!, { manifestSha256: "../x" }),
      /"shards\.manifestSha256" wants /,
    ],
    [
      (record) => Object.assign(record, { initFrom: "file" }),
      /"initFrom" wants an object, got "file", /,
    ],
    [(record) => delete (record as { runtime?: unknown }).runtime, /"runtime" is missing, /],
    [
      (record) => Object.assign(record["config"]!["run"]!, { seed: 2 ** 33 }),
      /run\.seed from config .* wants a whole number from 0 to 4294967295, got 8589934592/,
    ],
    [
      (record) => Object.assign(record["config"]!["data"]!, { imageSize: 1e6 }),
      /data\.imageSize from config /,
    ],
    [
      (record) => Object.assign(record["config"]!["model"]!, { heads: 7 }),
      /model\.width \d+ is no multiple of model\.heads 7/,
    ],
    [
      (record) => Object.assign(record["config"]!["model"]!, { depth: 1e8 }),
      /model\.depth from config .* wants a whole number from 1 to \d+, got 100000000$/,
    ],
    [
      (record) => Object.assign(record["config"]!["model"]!, { predictorDepth: 2 ** 31 }),
      /model\.predictorDepth from config .* wants a whole number from 1 to \d+, got 2147483648$/,
    ],
    [
      (record) => Object.assign(record["config"]!["model"]!, { depth: "__proto__" }),
      /model\.depth from config /,
    ],
  ];
  for (const [change, what] of cases) {
    await withRecord(change, async (run) => {
      await assert.rejects(readRun(run), (error: Error & { kind?: string }) => {
        assert.equal(error.kind, "data");
        assert.ok(error.message.startsWith(`Cannot open the run "${run}": `), error.message);
        assert.match(error.message, what);
        return true;
      });
    });
  }
  for (const text of ["", "null", "[]", "7", "{", "\u0000"]) {
    await withRecord(() => {}, async (run) => {
      await Deno.writeTextFile(join(run, "config.json"), text);
      await assert.rejects(readRun(run), { kind: "data" }, text);
    });
  }
});
