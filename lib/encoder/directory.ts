import { join } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import {
  formatConfig,
  formatPreprocessor,
  fromHuggingFace,
  huggingFaceShapes,
  parseConfig,
  parsePreprocessor,
  type Preprocessing,
  toHuggingFace,
} from "../formats/huggingface.ts";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import type { EncoderConfig } from "../model/config.ts";
import { finishedShapes } from "../model/parameters.ts";
import type { FloatTensor, TensorRecord } from "../tensor.ts";

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

async function readText(directory: string, file: string): Promise<string> {
  const path = join(directory, file);
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? "does not exist"
      : `is not readable (${messageOf(error)})`;
    throw new Failure(
      "missing",
      `Cannot open the encoder "${directory}": "${path}" ${why}, give a directory that ` +
        `"deno task checkpoint" has written`,
      { cause: error },
    );
  }
}

/** Fails unless the tensors are those wanted, each in its shape. */
function expectTensors(
  path: string,
  tensors: TensorRecord,
  shapes: Readonly<Record<string, readonly number[]>>,
): void {
  const refuse = (what: string): never => {
    throw new Failure(
      "data",
      `Cannot read "${path}": ${what}, as ${ENCODER_FILES.config} beside it asks for, ` +
        `export the encoder again`,
    );
  };
  for (const [name, shape] of Object.entries(shapes)) {
    const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
    const wanted = `float32 [${shape.join(" ")}]`;
    if (tensor === undefined) {
      refuse(`tensor "${name}" is missing, wanted ${wanted}`);
    } else if (tensor.dtype !== "float32" || tensor.shape.join() !== shape.join()) {
      refuse(
        `tensor "${name}" is ${tensor.dtype} [${tensor.shape.join(" ")}], wanted ${wanted}`,
      );
    }
  }
  const extra = Object.keys(tensors).find((name) => !Object.hasOwn(shapes, name));
  if (extra !== undefined) {
    const { dtype, shape } = tensors[extra]!;
    refuse(`tensor "${extra}" (${dtype} [${shape.join(" ")}]) is extra, wanted no such tensor`);
  }
}

/** Configuration and preprocessing only. @throws {Failure} as {@link readEncoder} */
export async function readEncoderSettings(
  directory: string,
): Promise<Pick<Encoder, "config" | "preprocessing">> {
  const { config: configFile, preprocessor } = ENCODER_FILES;
  const config = parseConfig(await readText(directory, configFile), join(directory, configFile));
  const preprocessing = parsePreprocessor(
    await readText(directory, preprocessor),
    join(directory, preprocessor),
  );
  if (preprocessing.size.join() !== config.imageSize.join()) {
    throw new Failure(
      "data",
      `Cannot read "${join(directory, preprocessor)}": it makes images of ` +
        `${preprocessing.size.join("x")} pixels, but ${configFile} beside it wants ` +
        `${config.imageSize.join("x")}, export the encoder again`,
    );
  }
  return { config, preprocessing };
}

/**
 * Reads an encoder directory in Hugging Face layout.
 *
 * @throws {Failure} `missing`: a file is not there; `data`: it is no I-JEPA encoder, or a tensor is missing, extra or
 * misshapen
 */
export async function readEncoder(directory: string): Promise<Encoder> {
  const settings = await readEncoderSettings(directory);
  const path = join(directory, ENCODER_FILES.weights);
  const { tensors, metadata } = await readSafetensors(path);
  const shapes = finishedShapes(settings.config);
  expectTensors(path, tensors, huggingFaceShapes(shapes));
  const step = metadata[STEP_KEY];
  return {
    ...settings,
    weights: fromHuggingFace(tensors, shapes) as EncoderWeights,
    network: metadata[NETWORK_KEY] ?? "unknown",
    ...(step === undefined ? {} : { step: Number(step) }),
  };
}
