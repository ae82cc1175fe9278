/** Mean and standard deviation of each channel over a set of images. */
import type { RgbImage } from "../images/mod.ts";
import type { Channels } from "./manifest.ts";

/** Means of the values and of their squares for each channel of one image, 0 to 1. */
export interface ChannelMoments {
  readonly mean: Channels;
  readonly meanSquare: Channels;
  /** Lowest and highest value in any channel, 0 to 255. */
  readonly range: readonly [lowest: number, highest: number];
}

const LEVELS = 256;

/** The moments of one image; the sums are exact integers, so the order of pixels does not matter. */
export function channelMoments({ data, width, height }: RgbImage): ChannelMoments {
  const counts = new Uint32Array(3 * LEVELS);
  for (let i = 0; i < data.length; i += 3) {
    counts[data[i]!]!++;
    counts[LEVELS + data[i + 1]!]!++;
    counts[2 * LEVELS + data[i + 2]!]!++;
  }
  const sums = new Float64Array(6);
  let lowest = LEVELS - 1, highest = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!, channel = Math.floor(i / LEVELS), value = i % LEVELS;
    if (count === 0) continue;
    sums[channel]! += count * value;
    sums[channel + 3]! += count * value * value;
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  const scale = 255 * width * height, square = 255 * scale;
  const [r, g, b, rr, gg, bb] = sums as unknown as [number, number, number, number, number, number];
  return {
    mean: [r / scale, g / scale, b / scale],
    meanSquare: [rr / square, gg / square, bb / square],
    range: [lowest, highest],
  };
}

/** Mean and standard deviation over images, each image with equal weight whatever its size, as in training. */
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
