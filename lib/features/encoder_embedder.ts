/** Embeddings from the last layers of an encoder. */
import type { Runtime } from "../compile/mod.ts";
import type { Encoder } from "../encoder/mod.ts";
import { Failure } from "../failure.ts";
import { type EncoderConfig, gridOf, sequenceLength } from "../model/config.ts";
import { featureProgram, PIXELS } from "../model/inference.ts";
import { type Pooling, vectorsOf } from "../model/pooling.ts";
import { type FloatTensor, floatTensor } from "../tensor.ts";
import type { Embedder } from "./embedder.ts";

/** Attention that is computed at once: more images than fit are embedded in parts. */
const ATTENTION_BYTES = 2 ** 29;
/** The attention of one image. */
const MOST_ATTENTION_BYTES = 2 ** 30;

/** Each token of an image with each other, in every head, as float32. */
function attentionBytes(config: EncoderConfig): number {
  return 4 * config.heads * sequenceLength(config) ** 2;
}

/**
 * How many images are embedded at once.
 *
 * @throws {Failure} `usage`: one is too many
 */
function imagesAtOnce(config: EncoderConfig): number {
  const bytes = attentionBytes(config);
  if (bytes <= MOST_ATTENTION_BYTES) return Math.max(1, Math.floor(ATTENTION_BYTES / bytes));
  const gigabytes = (value: number) => Number((value / 1e9).toPrecision(2));
  throw new Failure(
    "usage",
    `Cannot make features: the attention in an image of ${config.imageSize.join("x")} pixels ` +
      `takes ${gigabytes(bytes)} GB in each layer, wanted at most ` +
      `${gigabytes(MOST_ATTENTION_BYTES)}, lower --image-size`,
  );
}

/** Which outputs of an encoder are used. */
export interface Taken {
  /** How many of the last layers. */
  readonly layers: number;
  /** How the tokens of a layer become one vector. @default "mean" */
  readonly pooling?: Pooling;
}

/** Values of a vector of an image. */
export function featureWidth(config: EncoderConfig, { layers, pooling = "mean" }: Taken): number {
  return layers * vectorsOf(pooling, gridOf(config)) * config.width;
}

/**
 * The features of an encoder: the tokens of its last layers, each through the final norm and pooled, side by side from
 * the earliest to the last.
 *
 * @throws {Failure} `usage`: images beyond memory
 */
export async function encoderEmbedder(
  { config, preprocessing, weights }: Encoder,
  { runtime, ...taken }: Taken & { readonly runtime: Runtime },
): Promise<Embedder> {
  const most = imagesAtOnce(config), width = featureWidth(config, taken);
  const imageValues = 3 * config.imageSize[0] * config.imageSize[1];
  const program = featureProgram(config, taken.layers, taken.pooling);
  const executable = await runtime.prepare(program);
  executable.store.write(weights);
  return {
    width,
    preprocessing,
    description: runtime.description,
    async embed(images, rows) {
      const embeddings = new Float32Array(rows * width);
      for (let start = 0; start < rows; start += most) {
        const count = Math.min(most, rows - start);
        const part = images.subarray(start * imageValues, (start + count) * imageValues);
        const feeds = { [PIXELS]: floatTensor([count, 3, ...config.imageSize], part) };
        const { features } = await executable.run(feeds);
        embeddings.set((features as FloatTensor).data, start * width);
      }
      return embeddings;
    },
    [Symbol.dispose]: () => executable.dispose(),
  };
}
