/** `config.json` of an encoder: parser and writer. */
import * as v from "valibot";
import { count, LARGEST_SIDE, parseFile, refuse } from "./json.ts";

/** Sizes of an encoder as `config.json` states them. */
export interface EncoderSizes {
  /** Height and width of the input, pixels. */
  readonly imageSize: readonly [height: number, width: number];
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpWidth: number;
  /** Learned tokens besides the patches; absent: none. */
  readonly registers?: number;
  /** Epsilon of every LayerNorm; absent: 1e-6. */
  readonly layerNormEpsilon?: number;
}

/** Epsilon of the encoders of this project and of the published ones. */
const LAYER_NORM_EPS = 1e-6;
/** The class default of transformers. */
const ABSENT_LAYER_NORM_EPS = 1e-12;

/** A square size is one number. */
function sideOrSides([height, width]: readonly [number, number]): number | readonly number[] {
  return height === width ? height : [height, width];
}

/**
 * A type of transformers, and one of our own: under the former transformers would run an encoder without its registers.
 */
const PLAIN = "ijepa", WITH_REGISTERS = "ijepa_with_registers";

/** The text of `config.json`. The number of registers has the name that DINOv2 with registers gives it. */
export function formatConfig(sizes: EncoderSizes): string {
  const { registers } = sizes;
  const config = {
    architectures: [registers === undefined ? "IJepaModel" : "IJepaWithRegistersModel"],
    attention_probs_dropout_prob: 0,
    hidden_act: "gelu",
    hidden_dropout_prob: 0,
    hidden_size: sizes.width,
    image_size: sideOrSides(sizes.imageSize),
    initializer_range: 0.02,
    intermediate_size: sizes.mlpWidth,
    layer_norm_eps: sizes.layerNormEpsilon ?? LAYER_NORM_EPS,
    mlp_ratio: sizes.mlpWidth / sizes.width,
    model_type: registers === undefined ? PLAIN : WITH_REGISTERS,
    num_attention_heads: sizes.heads,
    num_channels: 3,
    num_hidden_layers: sizes.depth,
    ...registers === undefined ? {} : { num_register_tokens: registers },
    patch_size: sizes.patchSize,
    qkv_bias: true,
    torch_dtype: "float32",
    transformers_version: "4.47.0",
  };
  return JSON.stringify(config, null, 2) + "\n";
}

const MOST_LAYERS = 1024, MOST_HEADS = 1024, LARGEST_WIDTH = 65_536, LARGEST_MLP_WIDTH = 1 << 20;
const LARGEST_PATCH = 1024, MOST_REGISTERS = 64;
/** Attention compares all patches with each other: 4 GB per head and image. */
const MOST_PATCHES = 16_384;

const side = count(LARGEST_SIDE);
const epsilon = "a number between 0 and 1";

/** The values read from `config.json`; absent ones have the defaults of transformers. */
const SIZES = {
  hidden_act: v.optional(v.literal("gelu"), "gelu"),
  num_channels: v.optional(v.literal(3), 3),
  qkv_bias: v.optional(v.literal(true), true),
  image_size: v.union(
    [v.pipe(side, v.transform((side) => [side, side] as const)), v.strictTuple([side, side])],
    `pixels, or height and width, at most ${LARGEST_SIDE}`,
  ),
  patch_size: count(LARGEST_PATCH),
  hidden_size: count(LARGEST_WIDTH),
  num_hidden_layers: count(MOST_LAYERS),
  num_attention_heads: count(MOST_HEADS),
  intermediate_size: count(LARGEST_MLP_WIDTH),
  layer_norm_eps: v.nullish(
    v.pipe(v.number(epsilon), v.gtValue(0, epsilon), v.ltValue(1, epsilon)),
    ABSENT_LAYER_NORM_EPS,
  ),
};

const PLAIN_SCHEMA = v.object({ model_type: v.literal(PLAIN), ...SIZES });

const REGISTERS_SCHEMA = v.object({
  model_type: v.literal(WITH_REGISTERS),
  num_register_tokens: count(MOST_REGISTERS),
  ...SIZES,
});

const configSchema = v.variant(
  "model_type",
  [PLAIN_SCHEMA, REGISTERS_SCHEMA],
  `"${PLAIN}" or "${WITH_REGISTERS}"`,
);

/**
 * Reads `config.json`.
 *
 * @param path where the text came from, for messages
 * @throws {Failure} `data`: not an I-JEPA encoder, or one that this project cannot run; names key, expected and actual
 * value
 */
export function parseConfig(text: string, path: string): EncoderSizes {
  const config = parseFile(text, path, configSchema);
  const { image_size: imageSize, patch_size: patchSize, layer_norm_eps: layerNormEpsilon } = config;
  const { hidden_size: width, num_attention_heads: heads } = config;
  if (imageSize.some((pixels) => pixels % patchSize !== 0)) {
    refuse(path, `image_size ${imageSize.join("x")} is no multiple of patch_size ${patchSize}`);
  }
  const patches = imageSize[0] * imageSize[1] / patchSize ** 2;
  if (patches > MOST_PATCHES) {
    refuse(
      path,
      `image_size ${imageSize.join("x")} has ${patches} patches of ${patchSize}, ` +
        `wanted at most ${MOST_PATCHES}`,
    );
  }
  if (width % heads !== 0) {
    refuse(path, `hidden_size ${width} is no multiple of num_attention_heads ${heads}`);
  }
  return {
    imageSize,
    patchSize,
    width,
    depth: config.num_hidden_layers,
    heads,
    mlpWidth: config.intermediate_size,
    ..."num_register_tokens" in config ? { registers: config.num_register_tokens } : {},
    ...layerNormEpsilon === LAYER_NORM_EPS ? {} : { layerNormEpsilon },
  };
}
