/** The measure of features: an encoder's vectors of prepared images. */
import { join } from "node:path";
import { type Encoder, writeEncoder, writeOnnx } from "../../lib/encoder/mod.ts";
import { writeSafetensors } from "../../lib/formats/safetensors.ts";
import { featureProgram } from "../../lib/model/inference.ts";
import { initialState } from "../../lib/training/state.ts";
import { modelConfigOf, resolveConfig } from "../../lib/config/mod.ts";
import { type FloatTensor, under } from "../../lib/tensor.ts";
import { type Contestant, expectAgreement, ours, peer, ROOT } from "../contestants.ts";
import { nodeEnvironment } from "../environments.ts";
import { graphOf, productFlops } from "../flops.ts";
import { isChosen, measureTask, type Settings } from "../measures.ts";
import type { Kept } from "../results.ts";
import { noiseImages } from "../step/cases.ts";

const BATCH = 32;

/** Two libraries round differently. */
const TOLERANCE = 1e-3;

/** A ViT-S/16 with random weights, as a directory in Hugging Face layout with ONNX, and a batch of images. */
export async function writeFeatureWork(folder: string): Promise<void> {
  const { config } = resolveConfig({ preset: "vits16" });
  const model = modelConfigOf(config);
  const weights = under("target_encoder.", initialState(model, { seed: 0, ...config.model }));
  const { mean, std } = config.data;
  const [height, width] = model.encoder.imageSize;
  const encoder: Encoder = {
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
  };
  await writeEncoder(folder, encoder);
  await writeOnnx(folder, encoder);
  const images = noiseImages(BATCH, model.encoder.imageSize);
  await writeSafetensors(join(folder, "images.safetensors"), { images });
}

/** transformers.js in Node, where its packages can be had. @param args of `features.mjs` */
async function transformersJs(
  args: readonly string[],
  say: Settings["say"],
): Promise<readonly Contestant[]> {
  const environment = await nodeEnvironment();
  if ("reason" in environment) {
    say(`transformers.js is left out: ${environment.reason}`);
    return [];
  }
  // Node looks for packages beside the program.
  const script = join(environment.path, "features.mjs");
  await Deno.copyFile(join(ROOT, "bench/peers/features.mjs"), script);
  return [{ name: "transformers.js", command: ["node", script, ...args] }];
}

export const FEATURES_CASE = "vits16-224px";

/** Images per second of the features of a ViT-S/16 at 224 pixels. */
export async function* measureFeatures(settings: Settings): AsyncGenerator<Kept> {
  const { threads, alone, quick, folder, say } = settings;
  if (!isChosen(settings, FEATURES_CASE)) return;
  const work = join(folder, "features");
  await Deno.mkdir(work);
  await writeFeatureWork(work);
  const { encoder } = modelConfigOf(resolveConfig({ preset: "vits16" }).config);
  const flops = productFlops(graphOf(featureProgram(encoder, 1)), { batch: BATCH });
  const [warmUp, timed] = quick ? [1, 1] : [3, 12];
  const args = [work, threads, warmUp, timed].map(String);
  const peers = alone
    ? []
    : [peer("transformers", ["features.py", ...args]), ...await transformersJs(args, say)];
  yield await measureTask({
    measure: "features",
    case: FEATURES_CASE,
    images: BATCH,
    flops: Array.from({ length: timed }, () => flops),
    contestants: [ours("features/process.ts", args), ...peers],
    expectSame: (runs) => expectAgreement(runs, TOLERANCE),
  }, settings);
}
