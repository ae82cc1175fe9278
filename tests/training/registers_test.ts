/** Encoders with registers against the same computed with plain loops in double precision. */

import assert from "node:assert/strict";
import type { ModelConfig } from "../../lib/model/config.ts";
import { isDecayed, trainedShapes, valuesIn } from "../../lib/model/parameters.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { initialState, stateShapes } from "../../lib/training/state.ts";
import type { StepConfig } from "../../lib/training/step.ts";
import type { StepInput } from "../../lib/training/trainer.ts";
import { type FloatTensor, floatTensor, type TensorRecord } from "../../lib/tensor.ts";
import { runtimesNamed, testOn } from "../runtimes.ts";
import { derivative, encodeImage, lossOf, type Step, type Values } from "./float64_step.ts";
import { floats, runForward } from "./forward.ts";

const SIDE = 16, PATCH = 4, BATCH = 2, BLOCKS = 2, REGISTERS = 3;
const MODEL: ModelConfig = {
  encoder: {
    imageSize: [SIDE, SIDE],
    patchSize: PATCH,
    width: 8,
    depth: 2,
    heads: 2,
    mlpWidth: 16,
    registers: REGISTERS,
  },
  predictor: { width: 4, outputWidth: 8, depth: 2, heads: 2, mlpWidth: 8 },
};
const { registers: _, ...WITHOUT } = MODEL.encoder;
const BARE: ModelConfig = { ...MODEL, encoder: WITHOUT };

function configOf(targetMasking: "output" | "input"): StepConfig {
  return {
    model: MODEL,
    objective: { targets: "representations", targetMasking, loss: "smoothL1" },
    batch: BATCH,
    accumulate: 1,
    targetBlocks: BLOCKS,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  };
}

const random = new RandomStream({ seed: 4, purpose: "registers" });
const INPUT: StepInput = {
  images: Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => random.normal()),
  masks: {
    // Of a grid of 4 x 4.
    context: Int32Array.of(...[0, 2, 7, 8, 13], ...[3, 5, 6, 10, 15]),
    contextTokens: 5,
    targets: Int32Array.of(...[1, 4, 5], ...[0, 1, 4], ...[10, 11, 14], ...[9, 12, 13]),
    targetTokens: 3,
  },
  hyper: { learningRate: 1e-3, weightDecay: 0.04, emaMomentum: 0.99 },
  step: 0,
};

/** Larger weights than a real start, and a target encoder that is not the encoder. */
const STATE: TensorRecord = Object.fromEntries(
  Object.entries(initialState(MODEL, { seed: 3, initStd: 0.4, patchEmbedStd: 0.2 }))
    .map(([name, tensor]) => {
      const { shape, data } = tensor as FloatTensor;
      const moved = name.startsWith("target_encoder.") && !name.endsWith("pos_embed");
      return [name, floatTensor(shape, moved ? data.map((x, i) => x + Math.sin(i) / 8) : data)];
    }),
);
const VALUES: Values = Object.fromEntries(
  Object.entries(STATE).map(([name, tensor]) => [name, Float64Array.from(floats(tensor))]),
);

function stepOf(targetMasking: "output" | "input"): Step {
  return {
    batch: BATCH,
    side: SIDE,
    patch: PATCH,
    encoder: { ...MODEL.encoder, registers: REGISTERS },
    predictor: MODEL.predictor,
    targetBlocks: BLOCKS,
    targetMasking,
    images: INPUT.images,
    context: INPUT.masks.context,
    targets: INPUT.masks.targets,
  };
}

function near(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(got[i]! - wanted[i]!);
    assert.ok(difference <= tolerance, `[${i}] is ${got[i]}, wanted ${wanted[i]}`);
  }
}

/** Some places of a tensor; all of registers. */
function placesOf(name: string, length: number): number[] {
  const count = name.endsWith("register_tokens") ? length : 3;
  return Array.from({ length: count }, (_, i) => Math.floor(i * length / count));
}

for (const tried of runtimesNamed("cpu", "onnx", "native")) {
  for (const targetMasking of ["output", "input"] as const) {
    testOn(
      tried,
      `loss and gradients with registers are those of plain loops, targetMasking ${targetMasking}`,
      async () => {
        const step = stepOf(targetMasking);
        const results = await runForward(tried, configOf(targetMasking), {
          state: STATE,
          input: INPUT,
        });
        const whole = [0, 1].flatMap((image) =>
          encodeImage(step, VALUES, "target_encoder.", image)
        );
        near(floats(results["target_full"]), whole, 1e-5);
        const predictions = floats(results["predictions"]), targets = floats(results["targets"]);
        assert.deepEqual(results["predictions"]!.shape, [BLOCKS * BATCH * 3, 8]);
        assert.deepEqual(results["context"]!.shape, [BATCH * 5, 8]);
        const errors = Array.from(predictions, (value, i) => Math.abs(value - targets[i]!));
        const loss = errors.reduce((sum, x) => sum + (x < 1 ? x * x / 2 : x - 0.5), 0) /
          errors.length;
        near([loss], [lossOf(step, VALUES)], 1e-6);
        for (const [name, shape] of Object.entries(trainedShapes(MODEL))) {
          const gradient = floats(results[`grad.${name}`]);
          assert.deepEqual(results[`grad.${name}`]!.shape, shape);
          const places = placesOf(name, gradient.length);
          const wanted = places.map((place) => derivative(step, VALUES, name, place));
          near(places.map((place) => gradient[place]!), wanted, 2e-6);
        }
        const ofRegisters = floats(results["grad.encoder.register_tokens"]);
        assert.ok(ofRegisters.every((value) => Math.abs(value) > 1e-7), `${ofRegisters}`);
      },
    );
  }
}

Deno.test("registers are drawn, decayed and counted like the mask token, and change no other tensor", () => {
  const drawn = { seed: 3, initStd: 0.3, patchEmbedStd: 0.7 };
  const wide: ModelConfig = {
    ...MODEL,
    encoder: { ...MODEL.encoder, width: 64, registers: 64 },
    predictor: { ...MODEL.predictor, outputWidth: 64 },
  };
  const values = floats(initialState(wide, drawn)["encoder.register_tokens"]);
  const std = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  assert.ok(Math.abs(std / 0.3 - 1) < 0.03, `${std}`);
  const [state, bare] = [initialState(MODEL, drawn), initialState(BARE, drawn)];
  assert.deepEqual(
    Object.keys(state).filter((name) => !Object.hasOwn(bare, name)).sort(),
    [
      "encoder.register_tokens",
      "moment1.encoder.register_tokens",
      "moment2.encoder.register_tokens",
      "target_encoder.register_tokens",
    ],
  );
  for (const [name, tensor] of Object.entries(bare)) assert.deepEqual(state[name], tensor, name);
  assert.deepEqual(
    state["target_encoder.register_tokens"],
    state["encoder.register_tokens"],
  );
  assert.equal(isDecayed("encoder.register_tokens", [1, REGISTERS, 8]), true);
  assert.equal(valuesIn(trainedShapes(MODEL)) - valuesIn(trainedShapes(BARE)), REGISTERS * 8);
  assert.equal(valuesIn(stateShapes(MODEL)) - valuesIn(stateShapes(BARE)), 4 * REGISTERS * 8);
});
