/** The reference implementation's numbers: every intermediate, every gradient, six steps (tests/fixtures/parity). */

import assert from "node:assert/strict";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import type { ModelConfig } from "../../lib/model/config.ts";
import { stateShapes } from "../../lib/training/state.ts";
import type { StepConfig } from "../../lib/training/step.ts";
import { type StepInput, Trainer } from "../../lib/training/trainer.ts";
import { floatTensor, type HostTensor, type TensorRecord } from "../../lib/tensor.ts";
import { relativeError } from "../compare.ts";
import { floats, runForward } from "./forward.ts";
import { runtimesNamed, testOn } from "../runtimes.ts";

const FOLDER = new URL("../fixtures/parity/tiny/", import.meta.url).pathname;
const fixture = JSON.parse(await Deno.readTextFile(`${FOLDER}fixture.json`));
const BATCH = 4, BLOCKS = 4;
const MODEL: ModelConfig = {
  encoder: { imageSize: [32, 32], patchSize: 4, width: 48, depth: 2, heads: 3, mlpWidth: 192 },
  predictor: { width: 24, outputWidth: 48, depth: 2, heads: 3, mlpWidth: 96 },
};
const OPTIMIZER = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const CONFIG: StepConfig = {
  model: MODEL,
  objective: { targets: "representations", targetMasking: "output", loss: "smoothL1" },
  batch: BATCH,
  accumulate: 1,
  targetBlocks: BLOCKS,
  optimizer: OPTIMIZER,
};

async function read(name: string): Promise<TensorRecord> {
  return (await readSafetensors(`${FOLDER}${name}.safetensors`)).tensors;
}

function int32(tensor: HostTensor): Int32Array<ArrayBuffer> {
  return Int32Array.from(tensor.data as BigInt64Array, Number);
}

function masksOf(step: TensorRecord) {
  const context = step["masks_enc"]!, targets = step["masks_pred"]!;
  return {
    context: int32(context),
    targets: int32(targets),
    contextTokens: context.shape[2]!,
    targetTokens: targets.shape[2]!,
  };
}

function inputOf(step: TensorRecord, index: number): StepInput {
  const { lr, weight_decay, ema_momentum } = fixture.steps[index];
  return {
    images: floats(step["images"]),
    masks: masksOf(step),
    hyper: { learningRate: lr, weightDecay: weight_decay, emaMomentum: ema_momentum },
    step: index,
  };
}

/** The fixture's weights and position tables, and zero moments. */
async function initialStateOfFixture(): Promise<TensorRecord> {
  const weights = await read("init");
  return Object.fromEntries(
    Object.entries(stateShapes(MODEL)).map(([name, shape]) => [
      name,
      floatTensor(shape, name.startsWith("moment") ? undefined : floats(weights[name])),
    ]),
  );
}

for (const tried of runtimesNamed("cpu", "onnx", "native")) {
  testOn(tried, "step 0 has the reference's intermediates and gradients", async () => {
    const step = await read("step0");
    const state = await initialStateOfFixture();
    const results = await runForward(tried, CONFIG, { state, input: inputOf(step, 0) });
    for (const part of ["target_full", "targets", "context", "predictions"]) {
      assert.ok(
        relativeError(floats(results[part]), floats(step[part])) < 1e-5,
        `${part}: ${relativeError(floats(results[part]), floats(step[part]))}`,
      );
    }
    const gradients = Object.keys(step).filter((key) => key.startsWith("grad."));
    const expected = Object.keys(results).filter((key) => key.startsWith("grad."));
    assert.deepEqual(
      gradients.filter((key) => !key.includes("pos_embed")).sort(),
      expected.sort(),
    );
    for (const key of expected) {
      const got = floats(results[key]), wanted = floats(step[key]);
      if (key.endsWith("qkv.bias")) {
        // The true gradient of the key third is zero: what is there is rounding noise.
        const third = got.length / 3;
        for (let i = third; i < 2 * third; i++) assert.ok(Math.abs(got[i]!) < 1e-8, key);
        got.fill(0, third, 2 * third);
        wanted.fill(0, third, 2 * third);
      }
      assert.ok(relativeError(got, wanted) < 1e-4, `${key}: ${relativeError(got, wanted)}`);
    }
  });

  testOn(tried, "six steps follow the reference's losses and weights", async () => {
    const runtime = await tried.create({ threads: 2 });
    const trainer = await Trainer.create(runtime, CONFIG);
    trainer.write(await initialStateOfFixture());
    for (let index = 0; index < 6; index++) {
      const { loss } = await trainer.step(inputOf(await read(`step${index}`), index));
      const wanted = fixture.steps[index].loss;
      const error = Math.abs(loss - wanted) / wanted;
      assert.ok(error < 1e-5, `loss of step ${index}: off by ${error}`);
    }
    const final = await trainer.read();
    trainer[Symbol.dispose]();
    const reference = await read("final");
    const totalRate = fixture.steps.reduce((sum: number, { lr }: { lr: number }) => sum + lr, 0);
    let compared = 0;
    for (const [key, tensor] of Object.entries(reference)) {
      const got = floats(final[key]), wanted = floats(tensor);
      if (key.endsWith("qkv.bias")) {
        // AdamW turns the noise in the key third into steps of up to the learning rate.
        const third = got.length / 3;
        for (let i = third; i < 2 * third; i++) {
          assert.ok(Math.abs(got[i]! - wanted[i]!) < 2 * totalRate, key);
          got[i] = wanted[i]!;
        }
      }
      assert.ok(relativeError(got, wanted) < 1e-4, `${key}: ${relativeError(got, wanted)}`);
      compared++;
    }
    assert.equal(compared, Object.keys(final).filter((key) => !key.startsWith("moment")).length);
  });
}
