/** The measure of features: an encoder's vectors of prepared images. */
import { join } from "node:path";
import { writeEncoder } from "../lib/encoder/mod.ts";
import { writeSafetensors } from "../lib/formats/safetensors.ts";
import { featureProgram } from "../lib/model/inference.ts";
import { initialState } from "../lib/training/state.ts";
import { modelConfigOf, resolveConfig } from "../lib/training/config.ts";
import { type FloatTensor, under } from "../lib/tensor.ts";
import { expectAgreement, ours, peer } from "./contestants.ts";
import { graphOf, productFlops } from "./flops.ts";
import { measureTask, type Settings } from "./measures.ts";
import type { Kept } from "./results.ts";
import { noiseImages } from "./step_cases.ts";

const BATCH = 32;

/** Two libraries round differently. */
const TOLERANCE = 1e-3;

/** A ViT-S/16 with random weights, as a directory in Hugging Face layout, and a batch of images. */
export async function writeFeatureWork(folder: string): Promise<void> {
  const { config } = resolveConfig({ preset: "vits16" });
  const model = modelConfigOf(config);
  const weights = under("target_encoder.", initialState(model, { seed: 0, ...config.model }));
  const { mean, std } = config.data;
  const [height, width] = model.encoder.imageSize;
  await writeEncoder(folder, {
    config: model.encoder,
    preprocessing: {
      resize: "shorter-side",
      shorterSide: height,
      size: [height, width],
      filter: "bicubic",
      mean,
      std,
    },
    weights: weights as Readonly<Record<string, FloatTensor>>,
    network: "target",
    step: 0,
  });
  const images = noiseImages(BATCH, model.encoder.imageSize);
  await writeSafetensors(join(folder, "images.safetensors"), { images });
}

/** Images per second of the features of a ViT-S/16 at 224 pixels. */
export async function* measureFeatures(settings: Settings): AsyncGenerator<Kept> {
  const { threads, alone, quick, folder } = settings;
  const name = "vits16-224px";
  if (settings.case.length > 0 && !settings.case.includes(name)) return;
  const work = join(folder, "features");
  await Deno.mkdir(work);
  await writeFeatureWork(work);
  const { encoder } = modelConfigOf(resolveConfig({ preset: "vits16" }).config);
  const flops = productFlops(graphOf(featureProgram(encoder, 1)), { batch: BATCH });
  const [warmUp, timed] = quick ? [1, 1] : [3, 12];
  const args = [work, threads, warmUp, timed].map(String);
  yield await measureTask({
    measure: "features",
    case: name,
    images: BATCH,
    flops: Array.from({ length: timed }, () => flops),
    contestants: [
      ours("features.ts", args),
      ...alone ? [] : [peer("transformers", ["features.py", ...args])],
    ],
    expectSame: (runs) => expectAgreement(runs, TOLERANCE),
  }, settings);
}
