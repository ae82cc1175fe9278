import type { RgbImage } from "./decode.ts";
import type { Channels } from "./manifest.ts";

/** Means of the values and of their squares for each channel of one image, 0 to 1. */
export interface ChannelMoments {
  readonly mean: Channels;
  readonly meanSquare: Channels;
}

/** The moments of one image; the sums are exact integers, so the order of pixels does not matter. */
export function channelMoments({ data, width, height }: RgbImage): ChannelMoments {
  let r = 0, g = 0, b = 0, rr = 0, gg = 0, bb = 0;
  for (let i = 0; i < data.length; i += 3) {
    const red = data[i]!, green = data[i + 1]!, blue = data[i + 2]!;
    r += red;
    g += green;
    b += blue;
    rr += red * red;
    gg += green * green;
    bb += blue * blue;
  }
  const pixels = width * height, scale = 255 * pixels, square = 255 * scale;
  return {
    mean: [r / scale, g / scale, b / scale],
    meanSquare: [rr / square, gg / square, bb / square],
  };
}

/**
 * Mean and standard deviation over images, each image with equal weight whatever its size: that is how often
 * training sees it.
 */
export class ChannelStatistics {
  readonly #sums = new Float64Array(6);
  #images = 0;

  add({ mean, meanSquare }: ChannelMoments): void {
    [...mean, ...meanSquare].forEach((value, i) => this.#sums[i]! += value);
    this.#images++;
  }

  result(): { readonly channelMean: Channels; readonly channelStd: Channels } {
    const average = (i: number) => this.#sums[i]! / Math.max(1, this.#images);
    const deviation = (i: number) => Math.sqrt(Math.max(0, average(i + 3) - average(i) ** 2));
    const rounded = (value: number) => Number(value.toFixed(6));
    return {
      channelMean: [rounded(average(0)), rounded(average(1)), rounded(average(2))],
      channelStd: [rounded(deviation(0)), rounded(deviation(1)), rounded(deviation(2))],
    };
  }
}
