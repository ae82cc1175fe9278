import assert from "node:assert/strict";
import fc from "fast-check";
import { planRun, PRESET_NAMES, resolveConfig } from "../../lib/config/mod.ts";
import { adviceAgainstCollapse } from "../../lib/training/advice.ts";
import { FIELDS } from "../../lib/config/fields.ts";

/** A width of 128 in patches of 4 px with everything as usual; 2,000 steps. */
const USUAL = {
  "model.width": 128,
  "model.initStd": 0.06,
  "model.patchEmbedStd": 0.08,
  "schedule.learningRate": 2e-3,
  "schedule.emaStart": 0.988,
  "schedule.steps": 2000,
} as const;

function advice(
  changes: Partial<Record<keyof typeof USUAL, number>>,
  { drawn = true, sets = [] }: { readonly drawn?: boolean; readonly sets?: readonly string[] } = {},
): string {
  const values = Object.entries({ ...USUAL, ...changes }).map(([key, value]) => `${key}=${value}`);
  const { config } = resolveConfig({ preset: "scenes", sets: [...values, ...sets] });
  return adviceAgainstCollapse({ config, plan: planRun(config, 100), drawn });
}

function says(what: string, key: string, instead: number): string {
  return `${what}, start again in another --out with --set ${key}=${instead} or --set objective.regularizer=vicreg`;
}

Deno.test("adviceAgainstCollapse() names the first cause that a run has, in a fixed order", () => {
  const all = {
    "model.initStd": 0.02,
    "model.patchEmbedStd": 0.02,
    "schedule.learningRate": 5e-3,
    "schedule.emaStart": 0.5,
  };
  const causes = [
    says("model.initStd=0.02 is small for a width of 128", "model.initStd", 0.0632),
    says("model.patchEmbedStd=0.02 is small for patches of 4 px", "model.patchEmbedStd", 0.08),
    says("schedule.learningRate=0.005 is high for a width of 128", "schedule.learningRate", 0.002),
    says("schedule.emaStart=0.5 is low for a run of 2000 steps", "schedule.emaStart", 0.988),
    says(
      "schedule.learningRate=0.002 is the first value to lower where all others are as usual",
      "schedule.learningRate",
      0.001,
    ),
  ];
  const keys = Object.keys(all) as (keyof typeof all)[];
  for (const [done, cause] of causes.entries()) {
    const left = keys.slice(done).map((key) => [key, all[key]]);
    assert.equal(advice(Object.fromEntries(left)), cause);
  }
});

Deno.test("adviceAgainstCollapse() says nothing of initial weights that were read", () => {
  assert.match(
    advice({ "model.initStd": 0.001, "model.patchEmbedStd": 0.001 }, { drawn: false }),
    /^schedule\./,
  );
});

Deno.test("adviceAgainstCollapse() tells a target that hardly moves from one that follows too fast", () => {
  assert.match(
    advice({ "schedule.emaStart": 1 }),
    /^schedule\.emaStart=1 is high for a run of 2000 steps,/,
  );
  assert.match(advice({ "schedule.emaStart": 0.999 }), /^schedule\.emaStart=0\.999 is high/);
  assert.match(advice({ "schedule.emaStart": 0 }), /^schedule\.emaStart=0 is low/);
  assert.match(advice({ "schedule.emaStart": 0.99 }), /^schedule\.learningRate/);
});

Deno.test("adviceAgainstCollapse() advises no term where there is one, but its usual weight", () => {
  const usual = ["vicreg", "sigreg"].map((term) =>
    advice({}, { sets: [`objective.regularizer=${term}`] })
  );
  for (const text of usual) {
    assert.match(
      text,
      /^schedule\.learningRate=0\.002 is the first .* with --set schedule\.learningRate=0\.001$/,
    );
  }
  assert.equal(
    advice({ "schedule.learningRate": 5e-3 }, {
      sets: ["objective.regularizer=sigreg", "objective.regularizerWeight=0.001"],
    }),
    "objective.regularizerWeight=0.001 is small for sigreg, start again in another --out with " +
      "--set objective.regularizerWeight=0.05",
  );
  // Beside a term no momentum is needed.
  assert.match(
    advice({ "schedule.emaStart": 0 }, {
      sets: ["objective.regularizer=vicreg", "schedule.emaEnd=0"],
    }),
    /^schedule\.learningRate/,
  );
});

Deno.test("adviceAgainstCollapse() names no initial deviation that follows from sizes", () => {
  for (const [width, patchSize] of [[64, 7], [192, 8], [768, 16], [1280, 14]]) {
    const sets = [
      `model.width=${width}`,
      `model.patchSize=${patchSize}`,
      "data.imageSize=112",
      "model.heads=4",
      "masks.minKeep=1",
    ];
    const { config } = resolveConfig({ sets });
    assert.match(
      adviceAgainstCollapse({ config, plan: planRun(config, 100), drawn: true }),
      /^schedule\./,
    );
  }
});

Deno.test("adviceAgainstCollapse() finds nothing odd in the official configurations and in the demo's", () => {
  for (
    const preset of ["vith14-in1k", "vith16-448-in1k", "vith14-in22k", "vitg16-in22k", "scenes"]
  ) {
    const { config } = resolveConfig({ preset });
    const plan = planRun(config, 625);
    assert.match(
      adviceAgainstCollapse({ config, plan, drawn: true }),
      /is the first value to lower where all others are as usual/,
      preset,
    );
  }
});

/** Where values are followed, the next advice is about something else, and in the end nothing is odd any more. */
Deno.test("adviceAgainstCollapse() never advises what is right already, and its values are allowed", () => {
  const settings = fc.record({
    preset: fc.constantFrom(...PRESET_NAMES),
    steps: fc.integer({ min: 1, max: 1e6 }),
    emaStart: fc.double({ min: 0, max: 1, noNaN: true }),
    learningRate: fc.double({ min: 1e-5, max: 1e-1, noNaN: true }),
    initStd: fc.double({ min: 0, max: 1, noNaN: true }),
    patchEmbedStd: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(fc.property(settings, ({ preset, steps, emaStart, learningRate, ...model }) => {
    let { config } = resolveConfig({ preset, flags: { steps } });
    const schedule = { ...config.schedule, emaStart, learningRate };
    config = { ...config, model: { ...config.model, ...model }, schedule };
    const named: string[] = [];
    for (;;) {
      const text = adviceAgainstCollapse({ config, plan: planRun(config, 10), drawn: true });
      const [, group, key, value] = /--set (\w+)\.(\w+)=(\S+)/.exec(text) as unknown as [
        "",
        "model" | "schedule",
        "initStd",
        string,
      ];
      const field = FIELDS[group as "model"][key];
      assert.ok(field.accepts(Number(value)), text);
      if (text.includes("all others are as usual")) return;
      assert.ok(!named.includes(key), text);
      named.push(key);
      config = { ...config, [group]: { ...config[group], [key]: Number(value) } };
    }
  }));
});
