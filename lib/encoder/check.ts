/** Compares the exported ONNX file with the encoder. */
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { gridOf } from "../model/config.ts";
import { encoderProgram, forwardOperations, PIXELS } from "../model/inference.ts";
import { RandomStream } from "../random/mod.ts";
import { runOnnxFile } from "../runtime/onnx_file.ts";
import { createRuntime } from "../runtime/mod.ts";
import { type FloatTensor, floatTensor, type TensorRecord } from "../tensor.ts";
import { type Encoder, ENCODER_FILES } from "./directory.ts";

/** Deviation of the ONNX file from the encoder in this process. */
export interface OnnxCheck {
  /** Largest absolute difference over all values of both outputs. */
  readonly largestDifference: number;
  readonly images: number;
  /** What the encoder was run with, for messages. */
  readonly reference: string;
}

/** The tolerance of Hugging Face's own conversions, for outputs near 1; relative for larger outputs. */
const LARGEST_ALLOWED_DIFFERENCE = 1e-4;
const IMAGES = 3;

/** Larger encoders take plain JavaScript too long: it does about 0.3 billion operations a second. */
const LARGEST_EAGER_OPERATIONS = 2e9;

function randomImages([height, width]: readonly [number, number]): FloatTensor {
  const images = floatTensor([IMAGES, 3, height, width]);
  const random = new RandomStream({ seed: 0, purpose: "onnx check" });
  for (let i = 0; i < images.data.length; i++) images.data[i] = random.normal();
  return images;
}

/**
 * Runs the ONNX file of an encoder directory on random images, as another program would, and compares it with the
 * encoder: op by op on the slow reference when that is small enough, else compiled from its weights.
 *
 * @throws {Failure} `data`: outputs are not finite, or differ by more than 1e-4 and 1e-4 of the largest
 */
export async function checkOnnx(directory: string, encoder: Encoder): Promise<OnnxCheck> {
  const { config, weights } = encoder;
  const [rows, columns] = gridOf(config);
  const feeds = { [PIXELS]: randomImages(config.imageSize) };
  const small = IMAGES * forwardOperations(config) <= LARGEST_EAGER_OPERATIONS;
  const runtime = await createRuntime(small ? "cpu" : "onnx");
  const executable = await runtime.prepare(encoderProgram(config));
  executable.store.write(weights);
  const wanted = await executable.run(feeds);
  executable.dispose();
  const got = await runOnnxFile(join(directory, ENCODER_FILES.onnx), {
    feeds,
    results: {
      last_hidden_state: [IMAGES, rows * columns, config.width],
      pooler_output: [IMAGES, config.width],
    },
    settings: { threads: navigator.hardwareConcurrency },
  });
  const largestDifference = differenceOf(got, wanted);
  const allowed = LARGEST_ALLOWED_DIFFERENCE * Math.max(1, largestValue(wanted));
  if (!(largestDifference <= allowed)) {
    throw new Failure(
      "data",
      `Cannot export the encoder: the outputs of its ONNX file differ from its own by ` +
        `${largestDifference}, wanted at most ${allowed}, ` +
        `its weights may be too large, choose another --step`,
    );
  }
  return { largestDifference, images: IMAGES, reference: runtime.description };
}

function largestValue(outputs: TensorRecord): number {
  let largest = 0;
  for (const { data } of Object.values(outputs)) {
    for (const value of data) largest = Math.max(largest, Math.abs(Number(value)));
  }
  return largest;
}

function differenceOf(got: TensorRecord, wanted: TensorRecord): number {
  let largest = 0;
  for (const [name, { data }] of Object.entries(wanted)) {
    const other = got[name]!.data;
    data.forEach((value, index) => {
      if (!Number.isFinite(value)) {
        throw new Failure(
          "data",
          `Cannot export the encoder: its ${name} holds ${value} on random images, ` +
            `so training has diverged, choose an earlier --step`,
        );
      }
      const difference = Math.abs(Number(value) - Number(other[index]));
      if (!(difference <= largest)) largest = difference;
    });
  }
  return largest;
}
