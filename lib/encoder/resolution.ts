/** Adapts a finished encoder to another input size. */
import { Failure } from "../failure.ts";
import { gridOf } from "../model/config.ts";
import { MOST_PATCHES, MOST_SIDE } from "../model/limits.ts";
import { POSITIONS, resizePositions } from "../model/positions.ts";
import { nearestMultiples } from "../nearest.ts";
import { type Resize, resizeTo } from "../formats/huggingface.ts";
import type { Encoder } from "./directory.ts";

/** The flag for another resolution. */
export const IMAGE_SIZE_FLAG = {
  type: "string",
  placeholder: "PIXELS",
  help: "another input, 448 or 224x448 (height x width); positions are resized (bicubic)",
} as const;

/** What depends on the resolution: everything but the weights. */
type Settings = Pick<Encoder, "config" | "preprocessing">;

function refuse(text: string): never {
  throw new Failure("usage", `Cannot change the resolution: ${text}`);
}

/** `448`, `224x448`. @throws {Failure} `usage` */
export function parseImageSize(text: string): readonly [height: number, width: number] {
  const [, height, width = height] = /^(\d{1,5})(?:x(\d{1,5}))?$/.exec(text) ?? [];
  const isSide = (pixels: number) => pixels >= 1 && pixels <= MOST_SIDE;
  if (!(isSide(Number(height)) && isSide(Number(width)))) {
    refuse(
      `--image-size must be pixels such as 448, or 224x448 (height x width), of at most ` +
        `${MOST_SIDE}, got "${text}"`,
    );
  }
  return [Number(height), Number(width)];
}

/**
 * Sizes and preprocessing of an encoder for images of another size. Images are cut as they were, see {@link resizeTo}.
 *
 * @param imageSize height and width, pixels
 * @throws {Failure} `usage`: not multiples of the patch size, or too many patches
 */
export function settingsAt(
  { config, preprocessing }: Settings,
  imageSize: readonly [height: number, width: number],
): Settings {
  const patch = config.patchSize;
  for (const pixels of imageSize) {
    if (pixels % patch === 0) continue;
    refuse(
      `${pixels} pixels are no multiple of the encoder's patches of ${patch}, ` +
        `use ${nearestMultiples(pixels, patch)}`,
    );
  }
  const patches = (imageSize[0] / patch) * (imageSize[1] / patch);
  if (patches > MOST_PATCHES) {
    refuse(
      `${
        imageSize.join("x")
      } pixels are ${patches} of the encoder's patches of ${patch}, wanted at ` +
        `most ${MOST_PATCHES}, lower --image-size`,
    );
  }
  const { filter, mean, std, shorterSide, size } = preprocessing;
  const resize: Resize = shorterSide === undefined
    ? { resize: "stretch", size: imageSize }
    : resizeTo(imageSize, shorterSide / size[0]);
  return { config: { ...config, imageSize }, preprocessing: { ...resize, filter, mean, std } };
}

/** The same encoder for images of another size; see {@link settingsAt}. */
export function encoderAt(
  encoder: Encoder,
  imageSize: readonly [height: number, width: number],
): Encoder {
  const settings = settingsAt(encoder, imageSize);
  const grids = { from: gridOf(encoder.config), to: gridOf(settings.config) };
  const positions = resizePositions(encoder.weights[POSITIONS]!, grids);
  return { ...encoder, ...settings, weights: { ...encoder.weights, [POSITIONS]: positions } };
}
