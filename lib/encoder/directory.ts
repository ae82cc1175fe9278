/** Reads and writes encoder directories in Hugging Face layout. */
import { basename, dirname, join } from "node:path";
import { Failure } from "../failure.ts";
import { readText } from "../files/mod.ts";
import {
  defaultPreprocessing,
  formatConfig,
  formatPreprocessor,
  fromHuggingFace,
  huggingFaceShapes,
  parseConfig,
  parsePreprocessor,
  type Preprocessing,
  toHuggingFace,
} from "../formats/huggingface.ts";
import {
  findWeightsFile,
  listWeightsFile,
  readWeightsFile,
  type TensorEntry,
  writeSafetensors,
} from "../formats/safetensors.ts";
import type { EncoderConfig } from "../model/config.ts";
import { finishedShapes } from "../model/parameters.ts";
import type { FloatTensor } from "../tensor.ts";

/** Weights of a finished encoder under the official names, the position table included. */
export type EncoderWeights = Readonly<Record<string, FloatTensor>>;

/** A finished encoder with all that is needed to use it. */
export interface Encoder {
  readonly config: EncoderConfig;
  readonly preprocessing: Preprocessing;
  readonly weights: EncoderWeights;
  /** Which network of a run it was: `target`, `context`, or `unknown`. */
  readonly network: string;
  /** Steps it was trained for, where known. */
  readonly step?: number;
}

/** Names of the files, relative to the encoder's directory. */
export const ENCODER_FILES = {
  config: "config.json",
  preprocessor: "preprocessor_config.json",
  weights: "model.safetensors",
  onnx: "onnx/model.onnx",
  card: "README.md",
} as const;

/** Keys in the free text of the weights file: they travel with the weights wherever these go. */
const NETWORK_KEY = "ijepa.encoder", STEP_KEY = "ijepa.step";

/** Writes configuration, preprocessing and weights into an existing directory, in Hugging Face layout. */
export async function writeEncoder(
  directory: string,
  { config, preprocessing, weights, network, step }: Encoder,
): Promise<void> {
  await Deno.writeTextFile(join(directory, ENCODER_FILES.config), formatConfig(config));
  await Deno.writeTextFile(
    join(directory, ENCODER_FILES.preprocessor),
    formatPreprocessor(preprocessing),
  );
  const metadata = {
    format: "pt",
    [NETWORK_KEY]: network,
    ...(step === undefined ? {} : { [STEP_KEY]: String(step) }),
  };
  const path = join(directory, ENCODER_FILES.weights);
  await writeSafetensors(path, toHuggingFace(weights), metadata);
}

async function textOf(directory: string, file: string): Promise<string> {
  return await readText(join(directory, file), {
    action: `open the encoder "${directory}"`,
    advice: `give a directory that "deno task checkpoint" has written`,
  });
}

/** Fails unless a file has exactly the expected names and shapes, before any tensor is loaded. */
function expectTensors(
  path: string,
  entries: readonly TensorEntry[],
  shapes: Readonly<Record<string, readonly number[]>>,
): void {
  const refuse = (what: string): never => {
    throw new Failure(
      "data",
      `Cannot read "${path}": ${what}, as ${ENCODER_FILES.config} beside it asks for, ` +
        `export the encoder again`,
    );
  };
  const found = new Map(entries.map((entry) => [entry.name, entry]));
  for (const [name, shape] of Object.entries(shapes)) {
    const wanted = `float32 [${shape.join(" ")}]`;
    const entry = found.get(name);
    if (entry === undefined) return refuse(`tensor "${name}" is missing, wanted ${wanted}`);
    const { type: { dtype }, shape: got } = entry;
    if (dtype !== "float32" || got.join() !== shape.join()) {
      refuse(`tensor "${name}" is ${dtype} [${got.join(" ")}], wanted ${wanted}`);
    }
  }
  const extra = entries.find(({ name }) => !Object.hasOwn(shapes, name));
  if (extra !== undefined) {
    const { name, type: { dtype }, shape } = extra;
    refuse(`tensor "${name}" (${dtype} [${shape.join(" ")}]) is extra, wanted no such tensor`);
  }
}

/** The settings in an encoder's directory, without the weights. */
export interface EncoderSettings extends Pick<Encoder, "config" | "preprocessing"> {
  /** What is assumed about the preprocessing, in a sentence, if the directory states none. */
  readonly assumed?: string;
  /** The weights: one file, or the index of several. */
  readonly weightsFile: string;
  /** The files that all this was read from. */
  readonly settingsFiles: readonly string[];
}

async function readPreprocessing(
  path: string,
  { imageSize }: EncoderConfig,
): Promise<Preprocessing | undefined> {
  const there = await Deno.lstat(path).then(() => true, () => false);
  if (!there) return undefined;
  const preprocessing = parsePreprocessor(await textOf(dirname(path), basename(path)), path);
  if (preprocessing.size.join() === imageSize.join()) return preprocessing;
  throw new Failure(
    "data",
    `Cannot read "${path}": it makes images of ${preprocessing.size.join("x")} pixels, but ` +
      `${ENCODER_FILES.config} beside it wants ${imageSize.join("x")}, export the encoder again`,
  );
}

function assumptionOf(directory: string, { mean, std, size, filter }: Preprocessing): string {
  return `"${directory}" has no ${ENCODER_FILES.preprocessor}: assuming the statistics of ImageNet ` +
    `(mean ${mean.join(", ")}, standard deviation ${std.join(", ")}) and images of ` +
    `${size.join("x")} pixels, ${filter}`;
}

/**
 * Configuration, preprocessing and the path of the weights. Without `preprocessor_config.json`, as after
 * `save_pretrained` of the model alone, the usual preprocessing is assumed.
 *
 * @throws {Failure} as {@link readEncoder}
 */
export async function readEncoderSettings(directory: string): Promise<EncoderSettings> {
  const configPath = join(directory, ENCODER_FILES.config);
  const config = parseConfig(await textOf(directory, ENCODER_FILES.config), configPath);
  const preprocessorPath = join(directory, ENCODER_FILES.preprocessor);
  const stated = await readPreprocessing(preprocessorPath, config);
  const weightsFile = await findWeightsFile(directory);
  if (weightsFile === undefined) {
    throw new Failure(
      "missing",
      `Cannot open the encoder "${directory}": "${join(directory, ENCODER_FILES.weights)}" ` +
        "does not exist, export the encoder again",
    );
  }
  const preprocessing = stated ?? defaultPreprocessing(config.imageSize);
  return {
    config,
    preprocessing,
    ...stated === undefined ? { assumed: assumptionOf(directory, preprocessing) } : {},
    weightsFile,
    settingsFiles: stated === undefined ? [configPath] : [configPath, preprocessorPath],
  };
}

/**
 * Reads an encoder directory in Hugging Face layout. Weights in half precision become float32.
 *
 * @throws {Failure} `missing`: a file does not exist; `data`: it is no I-JEPA encoder, or a tensor is missing, extra or
 * misshapen
 */
export async function readEncoder(directory: string): Promise<Encoder> {
  const { config, preprocessing, weightsFile } = await readEncoderSettings(directory);
  const shapes = finishedShapes(config);
  const { entries, metadata } = await listWeightsFile(weightsFile);
  expectTensors(weightsFile, entries, huggingFaceShapes(shapes));
  const { tensors } = await readWeightsFile(weightsFile);
  const step = metadata[STEP_KEY];
  return {
    config,
    preprocessing,
    weights: fromHuggingFace(tensors, shapes) as EncoderWeights,
    network: metadata[NETWORK_KEY] ?? "unknown",
    ...(/^\d{1,15}$/.test(step ?? "") ? { step: Number(step) } : {}),
  };
}
