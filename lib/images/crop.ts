/** Random crops for training, and the centre crop for trained encoders. */
import type { RandomStream } from "../random/mod.ts";
import { roundHalfEven } from "../round_half_even.ts";
import type { RgbImage } from "./decode.ts";
import type { Box, Resampler } from "./resample.ts";

export { type Box, type ResampleFilter, Resampler, type ResampleSpec } from "./resample.ts";

/** Which crops are drawn from an image. */
export interface CropConfig {
  /** Smallest and largest area of a crop, as a fraction of the image. */
  readonly cropScale: readonly [min: number, max: number];
  /** Smallest and largest width / height of a crop. */
  readonly cropAspect: readonly [min: number, max: number];
  /** Mirror half of the crops. */
  readonly horizontalFlip: boolean;
}

/** One drawn crop. */
export interface Crop {
  readonly box: Box;
  readonly flip: boolean;
}

const TRIES = 10;

interface Extent {
  readonly height: number;
  readonly width: number;
}

/** The largest central part whose width / height is within the limits. */
function centralBox({ height, width }: Extent, [least, most]: readonly [number, number]): Box {
  const aspect = width / height;
  const cut = {
    height: aspect < least ? Math.min(height, Math.max(1, Math.round(width / least))) : height,
    width: aspect > most ? Math.min(width, Math.max(1, Math.round(height * most))) : width,
  };
  return {
    top: Math.floor((height - cut.height) / 2),
    left: Math.floor((width - cut.width) / 2),
    ...cut,
  };
}

function randomBox(image: Extent, config: CropConfig, stream: RandomStream): Box {
  const { cropScale: [smallest, largest], cropAspect: [least, most] } = config;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = image.height * image.width * stream.uniform(smallest, largest);
    const aspect = Math.exp(stream.uniform(Math.log(least), Math.log(most)));
    const width = Math.round(Math.sqrt(area * aspect));
    const height = Math.round(Math.sqrt(area / aspect));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    const top = stream.integer(image.height - height + 1);
    const left = stream.integer(image.width - width + 1);
    return { top, left, height, width };
  }
  return centralBox(image, config.cropAspect);
}

/**
 * Draws a random resized crop (docs/method.md section 6.2, torchvision's RandomResizedCrop): up to ten tries of a
 * uniform area and a log-uniform aspect, the first that fits; else the largest central box of an allowed aspect. The
 * flip is drawn last, so that switching it on leaves the boxes as they were.
 */
export function randomCrop(image: Extent, config: CropConfig, stream: RandomStream): Crop {
  const box = randomBox(image, config, stream);
  return { box, flip: config.horizontalFlip && stream.uniform() < 0.5 };
}

/**
 * Scales the shorter side to the given length and takes the centre, normalised: how images are prepared for a trained
 * encoder. As in torchvision the longer side is rounded down, and the place of the centre to even.
 *
 * @param options `shorterSide`: pixels, at least the height and width of the resampler's result
 * @throws {RangeError} the centre does not fit into the scaled image
 */
export function resizeCenterCrop(
  image: RgbImage,
  resampler: Resampler,
  options: {
    readonly shorterSide: number;
    /** Receives `[3 H W]`. */
    readonly output: Float32Array;
    /** Index of the first value in `output`. @default 0 */
    readonly at?: number;
  },
): void {
  const { shorterSide, output, at = 0 } = options;
  const { height, width } = image;
  const longer = Math.floor(shorterSide * Math.max(height, width) / Math.min(height, width));
  const scaledHeight = height <= width ? shorterSide : longer;
  const scaledWidth = height <= width ? longer : shorterSide;
  const [cropHeight, cropWidth] = resampler.size;
  if (cropHeight > scaledHeight || cropWidth > scaledWidth) {
    throw new RangeError(
      `Cannot crop the centre: wanted ${cropHeight}x${cropWidth} pixels of ` +
        `${scaledHeight}x${scaledWidth}, make shorterSide at least ${
          Math.max(cropHeight, cropWidth)
        }`,
    );
  }
  resampler.write(image, {
    box: { top: 0, left: 0, height, width },
    scaled: {
      top: roundHalfEven((scaledHeight - cropHeight) / 2),
      left: roundHalfEven((scaledWidth - cropWidth) / 2),
      height: scaledHeight,
      width: scaledWidth,
    },
    output,
    at,
  });
}
