import assert from "node:assert/strict";
import { planCalls } from "../../../lib/compile/c/plan/plan.ts";
import { compileToC } from "../../../lib/compile/c/compile.ts";
import { resolveConfig } from "../../../lib/config/mod.ts";
import { stepConfigOf } from "../../../lib/training/step.ts";
import { updateProgram } from "../../../lib/training/step.ts";

Deno.test("an update works through each parameter once, and needs no memory besides", () => {
  const { config } = resolveConfig({ preset: "smoke" });
  const step = { ...stepConfigOf(config), lanes: 2 };
  const program = updateProgram(step);
  const native = compileToC(program);
  const { calls, arena } = planCalls(native, {}, program);
  const moments = program.carried.filter((each) => each.startsWith("moment1."));
  assert.ok(moments.length > 20);
  for (const name of moments) {
    const writers = calls.filter(({ writes }) =>
      writes.some(({ external }) => external === `input ${name}`)
    );
    assert.equal(writers.length, 1, name);
    const weight = name.slice("moment1.".length);
    for (const other of [weight, `moment2.${weight}`]) {
      assert.ok(writers[0]!.writes.some(({ external }) => external === `input ${other}`), other);
    }
  }
  // Only the monitors of the targets take some.
  const { batch, model: { predictor: { outputWidth } } } = step;
  assert.ok(arena.bytes < 4 * 4 * batch * outputWidth, `${arena.bytes} bytes`);
});
