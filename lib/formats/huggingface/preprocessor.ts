/** `preprocessor_config.json` of an encoder: parser, writer and defaults. */
import * as v from "valibot";
import { count, LARGEST_SIDE, parseFile, refuse } from "./json.ts";

/** Red, green and blue. */
type Channels = readonly [number, number, number];

/** How an image becomes the input of an encoder, as `preprocessor_config.json` states it. */
export interface Preprocessing {
  /**
   * `shorter-side`: the shorter side is scaled to `shorterSide` pixels and the centre is cut out; `stretch`: the image
   * is scaled to `size`, whatever its proportions.
   */
  readonly resize: "shorter-side" | "stretch";
  /** Pixels; absent for `stretch`. */
  readonly shorterSide?: number;
  /** Height and width of the result, pixels. */
  readonly size: readonly [height: number, width: number];
  /** Antialiased, as in PIL. */
  readonly filter: "bilinear" | "bicubic";
  /** Channel means and standard deviations on the scale 0 to 1. */
  readonly mean: Channels;
  readonly std: Channels;
}

/** How images are brought to an encoder's size. */
export type Resize = Pick<Preprocessing, "resize" | "shorterSide" | "size">;

/**
 * For a square input the shorter side is scaled and the centre cut out. For any other the whole image is scaled to it: a
 * crop out of a square would lose most of the picture, and images of the input's own proportions lose nothing.
 *
 * @param size height and width of the input, pixels
 * @param margin shorter side of the scaled image, relative to the crop's
 */
export function resizeTo(size: readonly [height: number, width: number], margin = 1): Resize {
  const [height, width] = size;
  if (height !== width) return { resize: "stretch", size };
  return { resize: "shorter-side", shorterSide: Math.round(height * margin), size };
}

/** PIL's numbers of the filters. */
const RESAMPLE = { bilinear: 2, bicubic: 3 } as const;

/**
 * The text of `preprocessor_config.json`. The class is the one that scales the shorter side and cuts out the centre in
 * transformers and in transformers.js.
 */
export function formatPreprocessor(preprocessing: Preprocessing): string {
  const { resize, shorterSide, size: [height, width], filter, mean, std } = preprocessing;
  const crop = resize === "shorter-side";
  const config = {
    ...(crop ? { crop_size: { height, width } } : {}),
    do_center_crop: crop,
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: mean,
    image_processor_type: crop ? "BitImageProcessor" : "ViTImageProcessor",
    image_std: std,
    resample: RESAMPLE[filter],
    rescale_factor: 1 / 255,
    size: crop ? { shortest_edge: shorterSide } : { height, width },
  };
  return JSON.stringify(config, null, 2) + "\n";
}

/** Statistics of ImageNet, which nearly all encoders are trained with. */
const IMAGENET_MEAN: Channels = [0.485, 0.456, 0.406],
  IMAGENET_STD: Channels = [0.229, 0.224, 0.225];

/**
 * Preprocessing where an encoder states none, as after `save_pretrained` of the model alone: {@link resizeTo}, bicubic,
 * and the statistics of ImageNet.
 *
 * @param size height and width of the input, pixels
 */
export function defaultPreprocessing(
  size: readonly [height: number, width: number],
): Preprocessing {
  return { ...resizeTo(size), filter: "bicubic", mean: IMAGENET_MEAN, std: IMAGENET_STD };
}

const side = count(LARGEST_SIDE);
const bySides = v.pipe(
  v.object({ height: side, width: side }),
  v.transform(({ height, width }) => [height, width] as const),
);
const byPixels = v.pipe(side, v.transform((side) => [side, side] as const));
const byShorterSide = v.object({ shortest_edge: side });
const sidesWanted = `height and width, at most ${LARGEST_SIDE}`;

/** A step that is always done by this project. */
const done = v.nullish(v.literal(true));
/** A step that is never done by this project. */
const never = v.nullish(v.literal(false));
/** Bound of means and deviations, on the scale 0 to 1. */
const LARGEST_STATISTIC = 10;
const meanWanted = "three numbers", stdWanted = "three numbers above zero";
const mean = v.pipe(
  v.number(meanWanted),
  v.minValue(-LARGEST_STATISTIC, meanWanted),
  v.maxValue(LARGEST_STATISTIC, meanWanted),
);
const std = v.pipe(
  v.number(stdWanted),
  v.gtValue(0, stdWanted),
  v.maxValue(LARGEST_STATISTIC, stdWanted),
);

/** The values read from `preprocessor_config.json`; absent ones have the defaults of transformers. */
const preprocessorSchema = v.object({
  do_resize: done,
  do_rescale: done,
  do_normalize: done,
  do_flip_channel_order: never,
  do_grayscale: never,
  do_pad: never,
  offset: never,
  rescale_factor: v.nullish(
    v.pipe(
      v.number("1 / 255"),
      v.check((factor) => Math.abs(factor * 255 - 1) <= 1e-6, "1 / 255"),
    ),
  ),
  resample: v.nullish(v.picklist(Object.values(RESAMPLE), "2 (bilinear) or 3 (bicubic)"), 2),
  image_mean: v.strictTuple([mean, mean, mean], meanWanted),
  image_std: v.strictTuple([std, std, std], stdWanted),
  do_center_crop: v.nullish(v.boolean()),
  size: v.union([byPixels, bySides, byShorterSide], sidesWanted),
  crop_size: v.nullish(v.union([byPixels, bySides], sidesWanted)),
});

/**
 * Reads `preprocessor_config.json`.
 *
 * @param path where the text came from, for messages
 * @throws {Failure} `data`: steps that this project cannot repeat; names the key
 */
export function parsePreprocessor(text: string, path: string): Preprocessing {
  const config = parseFile(text, path, preprocessorSchema);
  const { size, crop_size: cropSize, image_mean: mean, image_std: std } = config;
  const filter = config.resample === RESAMPLE.bicubic ? "bicubic" : "bilinear";
  const shared = { filter, mean, std } as const;
  if (config.do_center_crop !== true) {
    if ("shortest_edge" in size) {
      return refuse(path, `without a centre crop "size" wants ${sidesWanted}, got shortest_edge`);
    }
    return { resize: "stretch", size, ...shared };
  }
  if (!("shortest_edge" in size) || cropSize === null || cropSize === undefined) {
    return refuse(path, "a centre crop needs size.shortest_edge and crop_size");
  }
  const shorterSide = size.shortest_edge;
  if (Math.max(...cropSize) > shorterSide) {
    return refuse(
      path,
      `crop_size ${cropSize.join("x")} does not fit into size.shortest_edge ${shorterSide}`,
    );
  }
  return { resize: "shorter-side", shorterSide, size: cropSize, ...shared };
}
