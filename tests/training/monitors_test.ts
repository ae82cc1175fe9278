/** The table of monitors: each is computed where its row says, and is known wherever it is shown without more. */

import assert from "node:assert/strict";
import { TAGS } from "../../lib/run/events.ts";
import { metricsLineOf } from "../../lib/run/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { describeStep } from "../../lib/training/describe.ts";
import { MONITOR_ROWS, MONITORS, type Monitors } from "../../lib/training/monitors.ts";
import { monitorsOfLoop } from "../../lib/training/monitors/compute.ts";
import { Trainer } from "../../lib/training/trainer.ts";
import { resolveConfig } from "../../lib/config/mod.ts";
import { filesBelow } from "../module_graph.ts";
import { ROOT } from "../run_stage.ts";
import { CONFIG, inputOfStep, startOf } from "./small_step.ts";

/** Names and tags of files that exist: renaming one breaks whatever reads them. */
const IN_FILES = [
  ["loss", "train/loss"],
  ["regularizer", "train/regularizer"],
  ["gradient_norm", "train/gradient_norm"],
  ["lr", "schedule/lr"],
  ["weight_decay", "schedule/weight_decay"],
  ["ema_momentum", "schedule/ema_momentum"],
  ["context_tokens", "masks/context_tokens"],
  ["target_tokens", "masks/target_tokens"],
  ["target_std", "targets/std"],
  ["target_cosine", "targets/cosine"],
  ["target_rank", "targets/rank"],
  ["seconds", undefined],
  ["images_per_second", "speed/images_per_second"],
  ["data_wait_fraction", "speed/data_wait_fraction"],
] as const;

Deno.test("monitors have the names and tags that they have in files, in their order", () => {
  assert.deepEqual(MONITOR_ROWS.map(([name, { tag }]) => [name, tag]), IN_FILES);
  assert.deepEqual(TAGS, IN_FILES.flatMap(([name, tag]) => tag === undefined ? [] : [[tag, name]]));
});

/** A step that has every monitor: the first one, with a term and clipping. */
async function monitorsOfStep(): Promise<Monitors> {
  const config = {
    ...CONFIG,
    regularizer: { term: "vicreg", on: "pooled", weight: 1, seed: 1 },
    optimizer: { ...CONFIG.optimizer, clipNorm: 1 },
  } as const;
  using trainer = await Trainer.create(await createRuntime("cpu"), config);
  trainer.write(startOf(config));
  const { hyper, ...input } = inputOfStep(0);
  const known = { hyper, contextTokens: 5, targetTokens: 3, batch: 4, seconds: 2, waitSeconds: 1 };
  return { ...await trainer.step({ hyper, ...input }), ...monitorsOfLoop(known) };
}

Deno.test("a step has every monitor of the table, and every column and part of the progress line", async () => {
  const values = await monitorsOfStep();
  const names = MONITOR_ROWS.map(([name]) => name);
  assert.deepEqual(Object.keys(values).sort(), names.toSorted());
  for (const [name, value] of Object.entries(values)) assert.ok(Number.isFinite(value), name);
  const line = metricsLineOf({ step: 0, ...values });
  assert.deepEqual(Object.keys(line), ["step", ...names]);
  assert.deepEqual(
    [line.lr, line.seconds, line.images_per_second, line.data_wait_fraction],
    [1e-3, 2, 2, 0.5],
  );
  const { config } = resolveConfig({ preset: "smoke", sets: ["objective.regularizer=vicreg"] });
  assert.match(
    describeStep(values, config),
    /^loss \d\.\d{4}, vicreg [\d.]+, gradient [\d.]+, rank [\d.]+$/,
  );
});

Deno.test("what only some steps have is absent in the others", async () => {
  using trainer = await Trainer.create(await createRuntime("cpu"), CONFIG);
  trainer.write(startOf(CONFIG));
  const { loss: _, ...others } = await trainer.step(inputOfStep(1));
  assert.deepEqual(Object.keys(others), ["target_std", "target_cosine"]);
  const rare = MONITOR_ROWS.filter(([, { only }]) => only !== undefined).map(([name]) => name);
  assert.deepEqual(rare, ["regularizer", "gradient_norm", "target_rank"]);
});

Deno.test("signs of collapse have a place each in the warning", () => {
  const places = MONITOR_ROWS.flatMap(([, { collapse }]) =>
    collapse === undefined ? [] : [collapse]
  );
  assert.deepEqual(places.map(({ place }) => place).sort(), [1, 2, 3]);
});

Deno.test("no code but the table names a monitor of a program, or a tag", () => {
  const table = "lib/training/monitors.ts";
  const tags = TAGS.map(([tag]) => tag);
  // Other words, as "loss", are words of the code too.
  const own = MONITOR_ROWS.flatMap(([name, { by }]) =>
    by !== "loop" && /_/.test(name) ? [name] : []
  );
  assert.deepEqual(own, ["gradient_norm", "target_std", "target_cosine", "target_rank"]);
  const code = filesBelow("lib", "stages").filter((path) => path.endsWith(".ts") && path !== table);
  const named = code.flatMap((path) => {
    const text = Deno.readTextFileSync(ROOT + path);
    return [...tags, ...own].filter((word) => text.includes(word)).map((word) =>
      `${path}: ${word}`
    );
  });
  assert.deepEqual(named, []);
});

Deno.test("docs/formats.md has a row for every monitor, with its unit and tag", () => {
  const text = Deno.readTextFileSync(ROOT + "docs/formats.md").replace(/ +/g, " ");
  for (const [name, { unit, tag }] of MONITOR_ROWS) {
    const row = `\n| \`${name}\` | ${unit} | ${tag === undefined ? "" : `\`${tag}\` `}| `;
    assert.ok(text.includes(row), row);
  }
  assert.equal(MONITOR_ROWS.length, Object.keys(MONITORS).length);
});
