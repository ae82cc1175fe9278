/** Trains the steps of a folder that `writeStepWork` has filled: `process.ts FOLDER`. */
import { join } from "node:path";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { floatTensor, type TensorRecord } from "../../lib/tensor.ts";
import { stateShapes } from "../../lib/training/state.ts";
import { Trainer } from "../../lib/training/trainer.ts";
import type { StepMasks, StepWork } from "./cases.ts";
import { measure } from "../measured.ts";

const folder = Deno.args[0]!;
const work = JSON.parse(await Deno.readTextFile(join(folder, "work.json"))) as StepWork;
const { tensors: batch } = await readSafetensors(join(folder, "batch.safetensors"));

async function startTrainer(): Promise<{ trainer: Trainer; library: string }> {
  const runtime = await createRuntime("auto", { threads: work.threads });
  const trainer = await Trainer.create(runtime, work.step);
  trainer.reserve(work.longest);
  const { tensors: weights } = await readSafetensors(join(folder, "initial.safetensors"));
  trainer.write(weights);
  const moments = Object.entries(stateShapes(work.step.model))
    .filter(([name]) => name.startsWith("moment"));
  for (const [name, shape] of moments) trainer.write({ [name]: floatTensor(shape) });
  return { trainer, library: runtime.description };
}

function masksOf(tensors: TensorRecord, step: number): StepMasks {
  const context = tensors[`${step}.context`]!, targets = tensors[`${step}.targets`]!;
  return {
    contextTokens: context.shape[1]!,
    targetTokens: targets.shape[1]!,
    context: context.data as Int32Array<ArrayBuffer>,
    targets: targets.data as Int32Array<ArrayBuffer>,
  };
}

const { trainer, library } = await startTrainer();
const images = batch["images"]!.data as Float32Array<ArrayBuffer>;
await measure(async (step) => {
  const input = { images, masks: masksOf(batch, step), hyper: work.hyper, step };
  return (await trainer.step(input)).loss;
}, { warmUp: work.warmUpSteps, timed: work.timedSteps, library });
