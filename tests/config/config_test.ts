import assert from "node:assert/strict";
import { Failure } from "../../lib/failure.ts";
import { gridOf } from "../../lib/model/config.ts";
import { ENCODER_SIZES } from "../../lib/model/presets.ts";
import {
  type ConfigSources,
  DEFAULTS,
  initialDeviations,
  modelConfigOf,
  planRun,
  PRESET_NAMES,
  resolveConfig,
} from "../../lib/config/mod.ts";
import { FIELDS } from "../../lib/config/fields.ts";
import { hyperOf } from "../../lib/training/schedules.ts";

function assertRefused(sources: ConfigSources, message: string): void {
  assert.throws(() => resolveConfig(sources), (error) => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.kind, "usage");
    assert.equal(error.message, message);
    return true;
  });
}

function file(values: unknown): ConfigSources {
  return { file: { path: "small.json", values } };
}

Deno.test("resolveConfig() without sources gives the defaults, and says so of every value", () => {
  const { config, origins } = resolveConfig({});
  assert.deepEqual(config, DEFAULTS);
  assert.deepEqual([...new Set(Object.values(origins))], ["default"]);
  assert.equal(origins["run.batch"], "default");
});

Deno.test("resolveConfig() lets file win over preset, --set over file, flags over all", () => {
  const { config, origins } = resolveConfig({
    preset: "scenes",
    file: { path: "small.json", values: { run: { batch: 16, seed: 5 }, model: { depth: 3 } } },
    sets: ["run.seed=6", "masks.targetScale=[0.14, 0.2]", "data.horizontalFlip=true"],
    flags: { batch: 8, checkpointSteps: 7 },
  });
  assert.deepEqual(config.run, {
    batch: 8,
    accumulate: 1,
    seed: 6,
    checkpointSteps: 7,
    keepLast: 2,
    keepEvery: 0,
  });
  assert.equal(config.model.depth, 3);
  assert.deepEqual(config.masks.targetScale, [0.14, 0.2]);
  assert.equal(config.data.horizontalFlip, true);
  const chosen = Object.fromEntries(
    Object.entries(origins).filter(([name]) =>
      ["run", "model.depth", "model.heads", "masks.targetScale"].some((p) => name.startsWith(p))
    ),
  );
  assert.deepEqual(chosen, {
    "model.depth": "config small.json",
    "model.heads": "preset scenes",
    "masks.targetScale": "--set",
    "run.batch": "--batch",
    "run.accumulate": "default",
    "run.seed": "--set",
    "run.checkpointSteps": "--checkpoint-steps",
    "run.keepLast": "default",
    "run.keepEvery": "default",
  });
});

Deno.test("resolveConfig() keeps one duration: the one that was stated last", () => {
  const bySteps = resolveConfig({ flags: { steps: 12 } });
  assert.equal(bySteps.config.schedule.steps, 12);
  assert.equal("epochs" in bySteps.config.schedule, false);
  assert.equal(bySteps.origins["schedule.steps"], "--steps");
  assert.equal("schedule.epochs" in bySteps.origins, false);
  const byEpochs = resolveConfig({ preset: "scenes", flags: { epochs: 3 } }).config.schedule;
  assert.deepEqual([byEpochs.epochs, byEpochs.steps], [3, undefined]);
  const warmup = resolveConfig({ preset: "scenes", sets: ["schedule.warmupEpochs=0.5"] });
  assert.equal("warmupSteps" in warmup.config.schedule, false);
  assertRefused(
    { flags: { steps: 3, epochs: 3 } },
    "Cannot use the configuration: the command line gives both --steps and --epochs, keep one of them",
  );
  assertRefused(
    file({ schedule: { steps: 3, epochs: 3 } }),
    "Cannot use the configuration: config small.json gives both schedule.steps and " +
      "schedule.epochs, keep one of them",
  );
  assertRefused(
    { sets: ["schedule.warmupSteps=3", "schedule.warmupEpochs=1"] },
    "Cannot use the configuration: --set gives both schedule.warmupSteps and " +
      "schedule.warmupEpochs, keep one of them",
  );
});

Deno.test("resolveConfig() orders values the same way, whatever was stated where", () => {
  const one = resolveConfig({ sets: ["run.seed=3", "schedule.steps=9"] }).config;
  const other = resolveConfig({ ...file({ run: { seed: 3 } }), flags: { steps: 9 } }).config;
  assert.equal(JSON.stringify(one), JSON.stringify(other));
});

Deno.test("resolveConfig() refuses unknown names and suggests the nearest", () => {
  const text = "Cannot use the configuration: ";
  assertRefused({ preset: "scene" }, 'Unknown preset "scene", did you mean "scenes"?');
  assertRefused(
    { preset: "toString" },
    `Unknown preset "toString", expected one of ${
      PRESET_NAMES.map((name) => `"${name}"`).join(", ")
    }`,
  );
  assertRefused(
    { sets: ["masks.minKep=3"] },
    `${text}--set has an unknown key "masks.minKep", did you mean "masks.minKeep"?`,
  );
  assertRefused(
    { sets: ["batch=3"] },
    `${text}--set has an unknown key "batch", did you mean "run.batch"?`,
  );
  assertRefused(
    { sets: ["model.batch=3"] },
    `${text}--set has an unknown key "model.batch", did you mean "run.batch"?`,
  );
  assertRefused(
    { sets: ["optimizer.nesterov=true"] },
    `${text}--set has an unknown key "optimizer.nesterov", expected one of "optimizer.beta1", ` +
      '"optimizer.beta2", "optimizer.epsilon", "optimizer.clipNorm"',
  );
  assertRefused(
    { sets: ["nonsense.key=1"] },
    `${text}--set has an unknown key "nonsense.key", expected one of "data.…", "model.…", ` +
      '"masks.…", "objective.…", "optimizer.…", "schedule.…", "run.…"',
  );
  assertRefused(
    file({ mask: {} }),
    `${text}config small.json has an unknown group "mask", did you mean "masks"?`,
  );
  assertRefused(
    file({ batch: 3 }),
    `${text}config small.json has an unknown group "batch", did you mean "run.batch"?`,
  );
  assertRefused(
    file({ run: { bach: 3 } }),
    `${text}config small.json has an unknown key "run.bach", did you mean "run.batch"?`,
  );
  assertRefused(
    file({ run: { constructor: 3 } }),
    `${text}config small.json has an unknown key "run.constructor", expected one of "run.batch", ` +
      '"run.accumulate", "run.seed", "run.checkpointSteps", "run.keepLast", "run.keepEvery"',
  );
});

Deno.test("resolveConfig() refuses values of the wrong type or size", () => {
  const cases: Record<string, string> = {
    "run.batch=0": "run.batch from --set wants a whole number from 1 to 65536, got 0",
    "run.batch=abc": 'run.batch from --set wants a whole number from 1 to 65536, got "abc"',
    "run.batch=": 'run.batch from --set wants a whole number from 1 to 65536, got ""',
    "run.batch=1.5": "run.batch from --set wants a whole number from 1 to 65536, got 1.5",
    "run.batch=1e400": "run.batch from --set wants a whole number from 1 to 65536, got Infinity",
    "run.seed=-1": "run.seed from --set wants a whole number from 0 to 4294967295, got -1",
    "run.seed=4294967296":
      "run.seed from --set wants a whole number from 0 to 4294967295, got 4294967296",
    "schedule.learningRate=-1":
      "schedule.learningRate from --set wants a number above 0 and at most 100, got -1",
    "schedule.weightDecay=NaN":
      'schedule.weightDecay from --set wants a number from 0 to 100, got "NaN"',
    "schedule.emaStart=1.5": "schedule.emaStart from --set wants a number from 0 to 1, got 1.5",
    "schedule.ipeScale=0.5": "schedule.ipeScale from --set wants a number from 1 to 1000, got 0.5",
    "optimizer.beta1=1":
      "optimizer.beta1 from --set wants a number of at least 0 and below 1, got 1",
    "data.horizontalFlip=1": "data.horizontalFlip from --set wants true or false, got 1",
    "data.cropScale=0.3": "data.cropScale from --set wants a pair [min,max] of numbers above 0 " +
      "and at most 1, min not above max, got 0.3",
    "masks.targetScale=[0.3,0.2]":
      "masks.targetScale from --set wants a pair [min,max] of numbers above 0 and at most 1, " +
      "min not above max, got [0.3,0.2]",
    "masks.targetAspect=[0.5,1e300]":
      "masks.targetAspect from --set wants a pair [min,max] of numbers from 0.01 to 100, " +
      "min not above max, got [0.5,1e+300]",
    "data.std=[0.2,0.2,0]":
      "data.std from --set wants three numbers [red,green,blue] from 0.001 to 1, got [0.2,0.2,0]",
    "data.imageSize=[32,64,3]": "data.imageSize from --set wants pixels of a square image, or " +
      "[height,width], whole numbers from 1 to 4096, got [32,64,3]",
    "run.batch=0x10": 'run.batch from --set wants a whole number from 1 to 65536, got "0x10"',
    "run.batch=٣": 'run.batch from --set wants a whole number from 1 to 65536, got "٣"',
    "run.batch=Infinity":
      'run.batch from --set wants a whole number from 1 to 65536, got "Infinity"',
    "run.batch=[[[2]]]": 'run.batch from --set wants a whole number from 1 to 65536, got ["[[2]]"]',
    "masks.sampler=fast": 'masks.sampler from --set wants one of "full", "reference", got "fast"',
  };
  for (const [set, message] of Object.entries(cases)) {
    assertRefused({ sets: [set] }, `Cannot use the configuration: ${message}`);
  }
  assertRefused(
    { flags: { seed: -3 } },
    "Cannot use the configuration: run.seed from --seed wants a whole number from 0 to 4294967295, got -3",
  );
  assertRefused(
    { sets: ["run.batch"] },
    "Cannot use the configuration: --set wants group.key=value, for example " +
      '--set run.batch=128, got "run.batch"',
  );
});

Deno.test("resolveConfig() refuses a file that is no configuration", () => {
  const text = "Cannot use the configuration: ";
  const wanted = 'wants groups of values like {"run": {"batch": 128}}';
  assertRefused(file([]), `${text}config small.json ${wanted}, got []`);
  assertRefused(file(null), `${text}config small.json ${wanted}, got null`);
  assertRefused(
    file({ run: 3 }),
    `${text}run from config small.json wants an object of values, got 3`,
  );
  assertRefused(
    file({ run: { batch: "128" } }),
    `${text}run.batch from config small.json wants a whole number from 1 to 65536, got "128"`,
  );
});

Deno.test("resolveConfig() reads the text of a file, and names a file that is not JSON", () => {
  const text = '{"run": {"batch": 3}}';
  assert.deepEqual(
    resolveConfig({ file: { path: "small.json", text } }),
    resolveConfig(file({ run: { batch: 3 } })),
  );
  assert.throws(
    () => resolveConfig({ file: { path: "configs/a.yaml", text: "run:\n  batch: 3" } }),
    (error) =>
      error instanceof Failure && error.kind === "usage" &&
      /^Cannot read the configuration "configs\/a.yaml": it is not JSON \(.+\), wanted groups of values like \{"run": \{"batch": 128\}\}$/
        .test(error.message),
  );
});

Deno.test("resolveConfig() refuses a file that says a thing twice", () => {
  const text = '{"run": {"batch": 3, "batch": 4}}';
  assertRefused(
    { file: { path: "small.json", text } },
    'Cannot use the configuration: config small.json has "run.batch" twice, keep one of them',
  );
});

Deno.test("resolveConfig() refuses sizes that do not fit, before anything is built", () => {
  const text = "Cannot build the model: ";
  assertRefused(
    { sets: ["data.imageSize=230"] },
    `${text}data.imageSize 230 is no multiple of model.patchSize 16, set data.imageSize to 224 ` +
      "or 240, or change model.patchSize",
  );
  assertRefused(
    { sets: ["data.imageSize=[224,9]"] },
    `${text}data.imageSize 9 is no multiple of model.patchSize 16, set data.imageSize to 16, ` +
      "or change model.patchSize",
  );
  assertRefused(
    { sets: ["model.patchSize=1"] },
    `${text}data.imageSize 224x224 with model.patchSize 1 makes 50176 patches per image, wanted ` +
      "at most 16384, raise model.patchSize or lower data.imageSize",
  );
  assertRefused(
    { sets: ["model.heads=5"] },
    `${text}model.width 384 is no multiple of model.heads 5, set model.heads to 4 or 6`,
  );
  assertRefused(
    { sets: ["model.width=390"] },
    `${text}model.width 390 is no multiple of 4, which position tables need, set it to 388 or 392`,
  );
  assertRefused(
    { sets: ["model.predictorWidth=2", "model.predictorHeads=1"] },
    `${text}model.predictorWidth 2 is no multiple of 4, which position tables need, set it to 4`,
  );
  assertRefused(
    { sets: ["model.predictorHeads=500"] },
    `${text}model.predictorWidth 192 is no multiple of model.predictorHeads 500, ` +
      "set model.predictorHeads to 192",
  );
  assertRefused(
    { sets: ["model.mlpRatio=0.0001"] },
    `${text}model.mlpRatio 0.0001 leaves no MLP, raise it, 4 is usual`,
  );
  assertRefused(
    { preset: "vitxs8-64", sets: ["masks.minKeep=10"] },
    "Cannot place the masks: masks.minKeep 10 wants more than 10 tokens, but on the 8x8 grid a " +
      "target block of masks.targetScale [0.2,0.3] can be 3x3 = 9, set masks.minKeep to at most " +
      "8, or raise masks.targetScale or data.imageSize",
  );
  assertRefused(
    { sets: ["objective.targets=pixels", "objective.targetMasking=input"] },
    `${text}objective.targetMasking "input" hides patches from the target encoder, but ` +
      'objective.targets "pixels" takes nothing from it, leave one of the two out',
  );
  assertRefused(
    { sets: ["objective.regularizer=vicreg"], flags: { batch: 1 } },
    `${text}objective.regularizer "vicreg" compares the images of a batch, wanted a run.batch of ` +
      'at least 2, got 1, raise it or set objective.regularizer to "none"',
  );
  assertRefused(
    { flags: { batch: 48, accumulate: 5 } },
    "Cannot part the batch: run.batch 48 is no multiple of run.accumulate 5, " +
      "set --accumulate to 4 or 6",
  );
});

Deno.test("resolveConfig() passes over a byte order mark, and takes no name of JavaScript for a key", () => {
  assert.deepEqual(
    resolveConfig({ file: { path: "small.json", text: '\ufeff{"run": {"batch": 3}}\r\n' } }),
    resolveConfig(file({ run: { batch: 3 } })),
  );
  for (const name of ["__proto__.x", "constructor.name", "run.__proto__", "run.constructor"]) {
    assert.throws(() => resolveConfig({ sets: [`${name}=1`] }), /--set has an unknown key/);
  }
  for (const text of ['{"__proto__": {"batch": 1}}', '{"run": {"__proto__": {"batch": 1}}}']) {
    assert.throws(
      () => resolveConfig({ file: { path: "small.json", text } }),
      /an unknown (group|key)/,
    );
  }
  const deep = `{"run": {"batch": ${"[".repeat(50_000)}${"]".repeat(50_000)}}}`;
  assertRefused(
    { file: { path: "small.json", text: deep } },
    "Cannot use the configuration: run.batch from config small.json wants a whole number from 1 to " +
      '65536, got ["[...]"]',
  );
  assert.throws(
    () => resolveConfig({ sets: [`run.batch=${"[".repeat(60_000)}${"]".repeat(60_000)}`] }),
    Failure,
  );
});

Deno.test("FIELDS bounds every number at both ends", () => {
  const fields = Object.values(FIELDS).flatMap((group) => Object.entries(group));
  for (const [key, field] of fields) {
    for (const value of [1e300, -1e300, Infinity, -Infinity, NaN, 2 ** 53]) {
      for (const tried of [value, [value, value], [1, value], [value, value, value]]) {
        assert.equal(field.accepts(tried), false, `${key} accepts ${JSON.stringify(tried)}`);
      }
    }
  }
});

Deno.test("resolveConfig() refuses a model or a batch that no machine holds, before anything is built", () => {
  const started = performance.now();
  for (
    const set of [
      "model.depth=1e8",
      "model.depth=2147483648",
      "model.predictorDepth=1e8",
      "model.width=1e9",
      "model.heads=1e9",
      "data.imageSize=16384",
      "run.keepLast=1e12",
      "schedule.epochs=1e12",
      "masks.targetBlocks=1e9",
    ]
  ) {
    const name = set.split("=")[0]!;
    assert.throws(
      () => resolveConfig({ sets: [set] }),
      (error) =>
        error instanceof Failure && error.kind === "usage" &&
        error.message.includes(`${name} from`),
      set,
    );
  }
  assertRefused(
    { sets: ["model.depth=512", "model.width=16384", "model.heads=64"] },
    "Cannot build the model: it would have 1650 billion parameters, wanted at most 4, lower " +
      "model.width, model.depth or the predictor's",
  );
  assertRefused(
    { sets: ["data.imageSize=2048", "run.batch=4096"] },
    "Cannot build the model: run.batch 4096 images of 2048x2048 take 206 GB, wanted at most 10, " +
      "lower run.batch or data.imageSize",
  );
  assert.ok(performance.now() - started < 5000);
  const { config } = resolveConfig({ sets: ["schedule.epochs=1e6"] });
  assert.throws(() => planRun(config, 1000), {
    message: "Cannot plan the run: 1000000 epochs of 1000 steps are 1000000000 steps, wanted at " +
      "most 99999999, lower schedule.epochs",
  });
});

Deno.test("resolveConfig() takes the values of a mask strategy, above a preset and below what is stated", () => {
  const { config, origins } = resolveConfig({
    preset: "scenes",
    ...file({ masks: { targetScale: [0.5, 0.5] } }),
    sets: ["masks.strategy=block"],
  });
  assert.deepEqual(config.masks, {
    strategy: "block",
    sampler: "full",
    targetBlocks: 1,
    targetScale: [0.5, 0.5],
    targetAspect: [0.75, 1.5],
    targetPlacement: "uniform",
    contextScale: [1, 1],
    minKeep: 4,
    contextKeepFraction: 1,
  });
  assert.equal(origins["masks.targetBlocks"], "strategy block");
  assert.equal(origins["masks.targetScale"], "config small.json");
  assert.equal(origins["masks.minKeep"], "preset scenes");
  assertRefused(
    { sets: ["masks.strategy=random", "masks.targetBlocks=2"] },
    "Cannot place the masks: masks.strategy random wants masks.targetBlocks 1, got 2, leave it " +
      "out or choose another strategy",
  );
});

Deno.test("resolveConfig() gives a regularizer its weight, below what is stated", () => {
  const weightOf = (sources: ConfigSources) => {
    const { config, origins } = resolveConfig(sources);
    const { regularizer, regularizerOn, regularizerWeight } = config.objective;
    const stated = [regularizer, regularizerOn, regularizerWeight];
    return [...stated, origins["objective.regularizerWeight"]];
  };
  assert.deepEqual(weightOf({}), ["none", "tokens", 0, "default"]);
  const vicreg = "objective.regularizer=vicreg", sigreg = "objective.regularizer=sigreg";
  assert.deepEqual(weightOf({ sets: [vicreg] }), ["vicreg", "tokens", 1, "regularizer vicreg"]);
  assert.deepEqual(
    weightOf({ sets: [sigreg, "objective.regularizerOn=tokens"] }),
    ["sigreg", "tokens", 0.05, "regularizer sigreg"],
  );
  assert.deepEqual(
    weightOf({ ...file({ objective: { regularizerWeight: 0.3 } }), sets: [vicreg] }),
    ["vicreg", "tokens", 0.3, "config small.json"],
  );
});

Deno.test("resolveConfig() takes a target encoder without momentum", () => {
  const { config } = resolveConfig({ sets: ["schedule.emaStart=0", "schedule.emaEnd=0"] });
  const plan = planRun(config, 10);
  for (const step of [0, 1, 1000]) assert.equal(hyperOf(config, { plan, step }).emaMomentum, 0);
});

Deno.test("modelConfigOf() has registers where some are asked for", () => {
  const encoderWith = (registers: number) =>
    modelConfigOf(resolveConfig({ sets: [`model.registers=${registers}`] }).config).encoder;
  assert.equal(encoderWith(4).registers, 4);
  assert.deepEqual(encoderWith(0), modelConfigOf(DEFAULTS).encoder);
  assertRefused(
    { sets: ["model.registers=65"] },
    "Cannot use the configuration: model.registers from --set wants a whole number from 0 to 64, got 65",
  );
});

Deno.test("FIELDS accepts every default and every preset", () => {
  for (const preset of PRESET_NAMES) {
    const { config, origins } = resolveConfig({ preset });
    assert.equal(Object.values(config).every((group) => Object.keys(group).length > 0), true);
    assert.ok(Object.values(origins).includes(`preset ${preset}`));
  }
  assert.deepEqual(Object.keys(FIELDS), Object.keys(DEFAULTS));
});

Deno.test("resolveConfig() has the four official configurations", () => {
  const huge = [1280, 32, 16, 5120], giant = [1408, 40, 16, 6144];
  const official = {
    "vith14-in1k": { grid: [16, 16], encoder: huge, epochs: [300, 40], predictorDepth: 12 },
    "vith16-448-in1k": { grid: [28, 28], encoder: huge, epochs: [300, 40], predictorDepth: 12 },
    "vith14-in22k": { grid: [16, 16], encoder: huge, epochs: [66, 3], predictorDepth: 12 },
    "vitg16-in22k": { grid: [14, 14], encoder: giant, epochs: [44, 3], predictorDepth: 16 },
  };
  for (const [preset, wanted] of Object.entries(official)) {
    const { config } = resolveConfig({ preset });
    const { encoder, predictor } = modelConfigOf(config);
    assert.deepEqual(gridOf(encoder), wanted.grid);
    const { width, depth, heads, mlpWidth } = encoder;
    assert.deepEqual([width, depth, heads, mlpWidth], wanted.encoder);
    assert.equal("registers" in encoder, false);
    assert.deepEqual(predictor, {
      width: 384,
      outputWidth: encoder.width,
      depth: wanted.predictorDepth,
      heads: 16,
      mlpWidth: 1536,
    });
    assert.deepEqual([config.schedule.epochs, config.schedule.warmupEpochs], wanted.epochs);
    assert.deepEqual(config.data.cropScale, [0.3, 1]);
    assert.equal(config.data.horizontalFlip, false);
    assert.deepEqual(config.masks, {
      strategy: "multiblock",
      sampler: "full",
      targetBlocks: 4,
      targetScale: [0.15, 0.2],
      targetAspect: [0.75, 1.5],
      targetPlacement: "uniform",
      contextScale: [0.85, 1],
      minKeep: 10,
      contextKeepFraction: 0.25,
    });
    const { epochs: _epochs, warmupEpochs: _warmupEpochs, ...curves } = config.schedule;
    assert.deepEqual(curves, {
      startLearningRate: 2e-4,
      learningRate: 1e-3,
      finalLearningRate: 1e-6,
      weightDecay: 0.04,
      finalWeightDecay: 0.4,
      emaStart: 0.996,
      emaEnd: 1,
      ipeScale: 1,
    });
    assert.equal(config.run.batch, 2048);
    assert.deepEqual([config.model.initStd, config.model.patchEmbedStd], [0.02, 0.02]);
  }
  const steps = planRun(resolveConfig({ preset: "vith14-in1k" }).config, 625).steps;
  assert.equal(steps, 187500);
});

Deno.test("the momentum follows a length in steps unless it is stated", () => {
  const momentum = (...sets: string[]) => resolveConfig({ sets }).config.schedule.emaStart;
  assert.equal(momentum(), 0.996);
  assert.equal(momentum("schedule.epochs=2"), 0.996);
  assert.equal(momentum("schedule.steps=100000"), 0.996);
  assert.equal(momentum("schedule.steps=2500"), 0.99);
  assert.equal(momentum("schedule.steps=10"), 0.96);
  assert.equal(momentum("schedule.steps=10", "schedule.emaStart=0.5"), 0.5);
  const { config, origins } = resolveConfig({
    file: { path: "run.json", values: { schedule: { steps: 2500 } } },
    flags: { epochs: 3 },
  });
  assert.deepEqual([config.schedule.epochs, config.schedule.emaStart], [3, 0.996]);
  assert.equal(origins["schedule.emaStart"], "default");
});

Deno.test("initial deviations follow width and patch unless they are stated", () => {
  const deviations = (...sets: string[]) => {
    const { model } = resolveConfig({ preset: "vitxs8-96", sets }).config;
    return [model.initStd, model.patchEmbedStd];
  };
  assert.deepEqual(deviations(), [0.0632, 0.04]);
  assert.deepEqual(deviations("model.width=192"), [0.0516, 0.04]);
  assert.deepEqual(deviations("model.width=192", "model.initStd=0.02"), [0.02, 0.04]);
  assert.deepEqual(deviations("model.patchSize=4"), [0.0632, 0.08]);
  assert.deepEqual(initialDeviations({ width: 1280, patchSize: 16 }), {
    initStd: 0.02,
    patchEmbedStd: 0.02,
  });
});

Deno.test("ENCODER_SIZES has the official numbers of parameters", () => {
  const official = {
    tiny: [5_486_400, 10_795_968, 6],
    small: [21_589_632, 10_943_616, 6],
    base: [85_646_592, 11_238_912, 6],
    large: [303_098_880, 22_082_560, 12],
    huge: [630_664_960, 22_279_424, 12],
    giant: [1_011_092_608, 29_475_712, 16],
  } as const;
  const blocks = (depth: number, width: number, mlpWidth: number) =>
    depth * (4 * width * width + 2 * width * mlpWidth + 9 * width + mlpWidth);
  for (const [name, [wanted, wantedPredictor, predictorDepth]] of Object.entries(official)) {
    const { width, depth, mlpRatio } = ENCODER_SIZES[name as keyof typeof ENCODER_SIZES];
    const mlpWidth = Math.round(width * mlpRatio);
    const patches = 3 * 16 * 16 * width + width;
    assert.equal(patches + blocks(depth, width, mlpWidth) + 2 * width, wanted, name);
    const ends = (width * 384 + 384) + (384 * width + width) + 2 * 384 + 384;
    assert.equal(blocks(predictorDepth, 384, 1536) + ends, wantedPredictor, name);
  }
});
