import assert from "node:assert/strict";
import { join } from "node:path";
import { Failure } from "../../lib/failure.ts";
import { METRICS_FILE, probeFeatures, readProbeMetrics } from "../../lib/probe/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { withFolder } from "../folder.ts";
import { madeFeatures } from "./made_features.ts";

Deno.test("readProbeMetrics() reads what a probe writes, and refuses whatever cannot be", () =>
  withFolder(async (folder) => {
    const { metrics } = await probeFeatures(
      { path: "train.arrow", features: madeFeatures() },
      { path: "test.arrow", features: madeFeatures({ first: 1000, rows: 30 }) },
      {
        choices: { label: undefined, task: undefined, method: undefined },
        seed: 0,
        runtime: await createRuntime("onnx", { threads: 1 }),
      },
    );
    const text = JSON.stringify(metrics);
    const read = async (changed: string) => {
      await Deno.writeTextFile(join(folder, METRICS_FILE), changed);
      return await readProbeMetrics(folder, "compare");
    };
    assert.deepEqual(await read(text), JSON.parse(text));
    assert.deepEqual(await read("\ufeff" + text), JSON.parse(text));

    const cases: readonly (readonly [string | RegExp, string, string])[] = [
      ["ijepa-probe", "probe", '"format" wants "ijepa-probe", got "probe"'],
      ['"version":1', '"version":2', '"version" wants 1, got 2'],
      [/"score":[\d.]+/, '"score":"9"', '"labels.0.methods.0.score" wants a number, got "9"'],
      [/"score":[\d.]+/, '"score":null', '"labels.0.methods.0.score" wants a number, got null'],
      [/"score":[\d.]+/, '"score":2', '"labels.0.methods.0.score" wants at most 1, got 2'],
      [/"score":[\d.]+/, '"score":-1', '"labels.0" wants accuracies from 0 to 1, got {'],
      [/"baseline":[\d.]+/, '"baseline":7', '"labels.0.baseline" wants at most 1, got 7'],
      [
        /"interval":\[[^\]]+\]/,
        '"interval":[0.5,0.25]',
        '"labels.0.methods.0.interval" wants its lower end first, got [0.5,0.25]',
      ],
      [
        '"metric":"accuracy"',
        '"metric":"r2"',
        '"labels.0.metric" wants the metric of its task, got {',
      ],
      ['"method":"knn"', '"method":"logistic"', '"labels.0.methods" wants each method once, got {'],
      ['"label":"objects"', '"label":"shape"', '"labels" wants each label once, got ['],
      [
        /"labels":\[.*\],"skipped"/s,
        '"labels":[],"skipped"',
        '"labels" wants a label at least, got []',
      ],
      [/"interval":\[[\d.]+,/, '"interval":[', '"labels.0.methods.0.interval.1" is missing'],
      [
        /"recalls":\{"(\w+)":[\d.]+/,
        '"recalls":{"$1":{}',
        '"labels.0.methods.0.recalls" wants numbers by class, got ',
      ],
      ['"best":"', '"best":"x', '"labels.0.best" wants ("logistic" | "knn" | "ridge"), got "x'],
      [
        /"samplesSha256":"../,
        '"samplesSha256":"',
        '"test.samplesSha256" wants a SHA-256 of 64 hexadecimal digits, got "',
      ],
      [/$/, "}", "it is not JSON ("],
      [/^.*$/s, "[]", '"format" is missing'],
    ];
    for (const [from, to, flaw] of cases) {
      const changed = text.replace(from, to);
      assert.notEqual(changed, text, String(from));
      await assert.rejects(read(changed), (error) => {
        assert.ok(error instanceof Failure && error.kind === "data");
        const start = `Cannot compare: "${folder}/metrics.json" cannot be used: ${flaw}`;
        assert.equal(error.message.slice(0, start.length), start);
        return true;
      });
    }
  }));
