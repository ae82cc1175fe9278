import { isCount, parseObject, refuse, sidesOf } from "./json.ts";

/** Sizes of an encoder as `config.json` states them. */
export interface EncoderSizes {
  /** Height and width of the input, pixels. */
  readonly imageSize: readonly [height: number, width: number];
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpWidth: number;
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

/** The text of `config.json`. */
export function formatConfig(sizes: EncoderSizes): string {
  const config = {
    architectures: ["IJepaModel"],
    attention_probs_dropout_prob: 0,
    hidden_act: "gelu",
    hidden_dropout_prob: 0,
    hidden_size: sizes.width,
    image_size: sideOrSides(sizes.imageSize),
    initializer_range: 0.02,
    intermediate_size: sizes.mlpWidth,
    layer_norm_eps: sizes.layerNormEpsilon ?? LAYER_NORM_EPS,
    mlp_ratio: sizes.mlpWidth / sizes.width,
    model_type: "ijepa",
    num_attention_heads: sizes.heads,
    num_channels: 3,
    num_hidden_layers: sizes.depth,
    patch_size: sizes.patchSize,
    qkv_bias: true,
    torch_dtype: "float32",
    transformers_version: "4.47.0",
  };
  return JSON.stringify(config, null, 2) + "\n";
}

/** Settings with one supported value each; absent ones have the given default of transformers. */
const FIXED: readonly (readonly [key: string, wanted: unknown, absent: unknown])[] = [
  ["model_type", "ijepa", undefined],
  ["hidden_act", "gelu", "gelu"],
  ["num_channels", 3, 3],
  ["qkv_bias", true, true],
];

/**
 * Reads `config.json`.
 *
 * @param path where the text came from, for messages
 * @throws {Failure} `data`: not an I-JEPA encoder, or one that this project cannot run; names key, wanted and got
 */
export function parseConfig(text: string, path: string): EncoderSizes {
  const config = parseObject(text, path);
  for (const [key, wanted, absent] of FIXED) {
    const got = Object.hasOwn(config, key) ? config[key] : absent;
    if (got === wanted) continue;
    refuse(path, `${key} must be ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
  }
  const count = (key: string): number => {
    const value = config[key];
    if (!isCount(value)) {
      refuse(path, `${key} must be a whole number, got ${JSON.stringify(value)}`);
    }
    return value;
  };
  const imageSize = sidesOf(config["image_size"]);
  if (imageSize === undefined) {
    refuse(path, `image_size must be pixels, got ${JSON.stringify(config["image_size"])}`);
  }
  const layerNormEpsilon = config["layer_norm_eps"] ?? ABSENT_LAYER_NORM_EPS;
  if (typeof layerNormEpsilon !== "number" || !(layerNormEpsilon > 0 && layerNormEpsilon < 1)) {
    refuse(
      path,
      `layer_norm_eps must be between 0 and 1, got ${JSON.stringify(layerNormEpsilon)}`,
    );
  }
  const sizes = {
    imageSize,
    patchSize: count("patch_size"),
    width: count("hidden_size"),
    depth: count("num_hidden_layers"),
    heads: count("num_attention_heads"),
    mlpWidth: count("intermediate_size"),
    ...layerNormEpsilon === LAYER_NORM_EPS ? {} : { layerNormEpsilon },
  };
  if (imageSize.some((pixels) => pixels % sizes.patchSize !== 0)) {
    refuse(
      path,
      `image_size ${imageSize.join("x")} is no multiple of patch_size ${sizes.patchSize}`,
    );
  }
  if (sizes.width % sizes.heads !== 0) {
    refuse(
      path,
      `hidden_size ${sizes.width} is no multiple of num_attention_heads ${sizes.heads}`,
    );
  }
  return sizes;
}
