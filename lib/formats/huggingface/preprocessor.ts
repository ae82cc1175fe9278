import { isCount, parseObject, refuse, sidesOf } from "./json.ts";

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

function channelsOf(value: unknown): Channels | undefined {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite)
    ? value as unknown as Channels
    : undefined;
}

/** `224`, `{"height": 224, "width": 224}` */
function sizeOf(value: unknown): readonly [number, number] | undefined {
  const { height, width } = (value ?? {}) as Record<string, unknown>;
  return sidesOf(isCount(value) ? value : [height, width]);
}

/**
 * Reads `preprocessor_config.json`.
 *
 * @param path where the text came from, for messages
 * @throws {Failure} `data`: steps that this project cannot repeat; names the key
 */
export function parsePreprocessor(text: string, path: string): Preprocessing {
  const config = parseObject(text, path);
  const show = (key: string) => JSON.stringify(config[key]);
  for (const key of ["do_resize", "do_rescale", "do_normalize"]) {
    if (config[key] === false) refuse(path, `${key} false is not supported`);
  }
  const factor = config["rescale_factor"] ?? 1 / 255;
  if (typeof factor !== "number" || Math.abs(factor * 255 - 1) > 1e-6) {
    refuse(path, `rescale_factor must be 1 / 255, got ${JSON.stringify(factor)}`);
  }
  const resample = config["resample"] ?? RESAMPLE.bilinear;
  const filter = (["bilinear", "bicubic"] as const).find((name) => RESAMPLE[name] === resample);
  if (filter === undefined) {
    refuse(path, `resample must be 2 (bilinear) or 3 (bicubic), got ${JSON.stringify(resample)}`);
  }
  const mean = channelsOf(config["image_mean"]), std = channelsOf(config["image_std"]);
  if (mean === undefined) {
    refuse(path, `image_mean must be three numbers, got ${show("image_mean")}`);
  }
  if (std === undefined || std.includes(0)) {
    refuse(path, `image_std must be three numbers other than zero, got ${show("image_std")}`);
  }
  const shared = { filter, mean, std };
  if (config["do_center_crop"] === true) {
    const shorterSide = (config["size"] as Record<string, unknown> | undefined)?.["shortest_edge"];
    const size = sizeOf(config["crop_size"]);
    if (!isCount(shorterSide) || size === undefined) {
      refuse(
        path,
        `a centre crop needs size.shortest_edge and crop_size, got ${show("size")} and ${
          show("crop_size")
        }`,
      );
    }
    if (Math.max(...size) > shorterSide) {
      refuse(
        path,
        `crop_size ${size.join("x")} does not fit into size.shortest_edge ${shorterSide}`,
      );
    }
    return { resize: "shorter-side", shorterSide, size, ...shared };
  }
  const size = sizeOf(config["size"]);
  if (size === undefined) refuse(path, `size must have height and width, got ${show("size")}`);
  return { resize: "stretch", size, ...shared };
}
