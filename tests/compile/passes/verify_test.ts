import assert from "node:assert/strict";
import {
  fuse,
  type Program,
  simplify,
  traceProgram,
  verifyGraph,
} from "../../../lib/compile/mod.ts";
import { PASSES } from "../../../lib/compile/c/compile.ts";
import { encoderProgram, featureProgram } from "../../../lib/model/inference.ts";
import { resolveConfig } from "../../../lib/config/mod.ts";
import { sumProgram } from "../../../lib/training/exchange.ts";
import { laneShapes } from "../../../lib/training/lanes.ts";
import { gradientProgram, stepConfigOf, updateProgram } from "../../../lib/training/step.ts";

/** The programs of a run and of its encoder. */
function programsOf(options: Parameters<typeof resolveConfig>[0]): readonly Program[] {
  const config = { ...stepConfigOf(resolveConfig(options).config), lanes: 2 };
  const { encoder } = config.model;
  return [
    ...[gradientProgram(config), sumProgram(laneShapes(config), 2), updateProgram(config)],
    ...[encoderProgram(encoder), featureProgram(encoder, 2, "2x2")],
  ];
}

for (
  const [name, options] of [
    ["smoke", { preset: "smoke" }],
    ["scenes", { preset: "scenes" }],
    ["registers, clipping and a regularizer", {
      preset: "vitxs4-28",
      sets: ["model.registers=4", "optimizer.clipNorm=1"],
    }],
    ["pixel targets", { preset: "smoke", sets: ["objective.targets=pixels"] }],
  ] as const
) {
  Deno.test(`graphs are valid after every pass: ${name}`, () => {
    for (const program of programsOf(options)) {
      let graph = traceProgram(program);
      verifyGraph(graph);
      verifyGraph(fuse(simplify(graph)));
      for (const { name: pass, apply } of PASSES) {
        graph = apply(graph);
        assert.doesNotThrow(() => verifyGraph(graph), `${program.name} after "${pass}"`);
      }
    }
  });
}
