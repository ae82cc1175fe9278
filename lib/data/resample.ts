/**
 * Antialiased resampling as PIL does it: a triangle or cubic filter whose support grows with the downscale factor,
 * cut off at the edge of the source box, in two separable passes. Sums stay in floating point where PIL rounds to
 * 8 bits after each pass, so values differ from PIL's by at most about one level of 255.
 *
 * @module
 */
import type { RgbImage } from "./decode.ts";

/** `bilinear`: triangle of radius 1; `bicubic`: Keys' cubic with a = -0.5, radius 2. Both as in PIL. */
export type ResampleFilter = "bilinear" | "bicubic";

/** A rectangle of whole pixels inside an image. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** What every image is turned into. */
export interface ResampleSpec {
  /** Height and width of the result, pixels. */
  readonly size: readonly [height: number, width: number];
  /** Channel means and standard deviations on the scale 0 to 1: the result is (value / 255 - mean) / std. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** @default "bilinear" */
  readonly filter?: ResampleFilter;
}

/** Which part of an image becomes which part of a batch. */
export interface ResampleTarget {
  /** The source rectangle. Pixels outside of it have no influence. */
  readonly box: Box;
  /**
   * Size that the box is scaled to and the place of the result in it, for a crop after scaling.
   * @default the size of the result, at 0, 0
   */
  readonly scaled?: Box;
  /** Mirror left and right. @default false */
  readonly flip?: boolean;
  /** Receives `[3 H W]`, normalised. */
  readonly output: Float32Array;
  /** Index of the first value in `output`. @default 0 */
  readonly at?: number;
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

function cubic(x: number): number {
  const a = -0.5, distance = Math.abs(x);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
  return 0;
}

const FILTERS = {
  bilinear: { radius: 1, weight: triangle },
  bicubic: { radius: 2, weight: cubic },
} as const;

/** For each result pixel along one axis: the first source pixel, how many, and their weights. */
class AxisTable {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  weights = new Float64Array(0);
  /** Distance between the weights of neighbouring result pixels. */
  stride = 0;

  constructor(length: number) {
    this.starts = new Int32Array(length);
    this.counts = new Int32Array(length);
  }

  /** Fills the table for a source of `source` pixels scaled to `scaled`, of which it covers those from `first`. */
  fill(
    filter: ResampleFilter,
    axis: {
      readonly source: number;
      readonly scaled: number;
      readonly first: number;
      readonly flip: boolean;
    },
  ): void {
    const { radius, weight } = FILTERS[filter];
    const { source, scaled, first, flip } = axis;
    const length = this.starts.length;
    const scale = source / scaled;
    const stretch = Math.max(1, scale);
    const support = radius * stretch;
    this.stride = Math.ceil(support) * 2 + 1;
    if (this.weights.length < length * this.stride) {
      this.weights = new Float64Array(length * this.stride);
    }
    for (let i = 0; i < length; i++) {
      const center = (first + i + 0.5) * scale;
      const start = Math.max(0, Math.trunc(center - support + 0.5));
      const end = Math.min(source, Math.trunc(center + support + 0.5));
      const at = flip ? length - 1 - i : i;
      const base = at * this.stride;
      let sum = 0;
      for (let k = 0; k < end - start; k++) {
        const value = weight((k + start - center + 0.5) / stretch);
        this.weights[base + k] = value;
        sum += value;
      }
      for (let k = 0; k < end - start; k++) this.weights[base + k]! /= sum;
      this.starts[at] = start;
      this.counts[at] = end - start;
    }
  }
}

/** The cubic filter overshoots at edges; as PIL, keep to the range after each pass. */
function clamp(
  values: Float32Array,
  from: number,
  to: number,
  [low, high]: readonly [number, number],
): void {
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    if (value < low) values[i] = low;
    else if (value > high) values[i] = high;
  }
}

/** Turns parts of images into normalised float32 planes. Keeps its scratch memory between images. */
export class Resampler {
  readonly #filter: ResampleFilter;
  readonly #columns: AxisTable;
  readonly #rows: AxisTable;
  /** Height and width of the results, pixels. */
  readonly size: readonly [height: number, width: number];
  readonly #factor: readonly number[];
  readonly #shift: readonly number[];
  #scratch = new Float32Array(0);

  constructor({ size, mean, std, filter = "bilinear" }: ResampleSpec) {
    this.size = size;
    this.#filter = filter;
    this.#columns = new AxisTable(size[1]);
    this.#rows = new AxisTable(size[0]);
    this.#factor = std.map((value) => 1 / (255 * value));
    this.#shift = std.map((value, c) => -mean[c]! / value);
  }

  /** Resamples one box of an image into `[3 H W]` of the output. */
  write(image: RgbImage, { box, scaled, flip = false, output, at = 0 }: ResampleTarget): void {
    const columns = this.#columns, rows = this.#rows;
    const [height, width] = this.size;
    const { top: y, left: x, height: scaledHeight, width: scaledWidth } = scaled ??
      { top: 0, left: 0, height, width };
    columns.fill(this.#filter, { source: box.width, scaled: scaledWidth, first: x, flip });
    rows.fill(this.#filter, { source: box.height, scaled: scaledHeight, first: y, flip: false });
    // Only the source rows that some result row needs are scaled horizontally.
    const firstRow = rows.starts[0]!;
    const rowCount = rows.starts[height - 1]! + rows.counts[height - 1]! - firstRow;
    const scratchLength = 3 * rowCount * width;
    if (this.#scratch.length < scratchLength) this.#scratch = new Float32Array(scratchLength);
    this.#scaleRows(image, { ...box, top: box.top + firstRow, height: rowCount });
    if (this.#filter === "bicubic") clamp(this.#scratch, 0, scratchLength, [0, 255]);
    this.#scaleColumns(rowCount, output, at);
    if (this.#filter !== "bicubic") return;
    const plane = height * width;
    for (let c = 0; c < 3; c++) {
      const black = this.#shift[c]!, white = 255 * this.#factor[c]! + black;
      clamp(output, at + c * plane, at + (c + 1) * plane, [black, white]);
    }
  }

  /**
   * Source rows to result width: `[rows, width 3]` bytes to `[3 rows width]` floats. Two taps per turn: the loop
   * is bound by its own bookkeeping otherwise.
   */
  #scaleRows(image: RgbImage, { top, left, height: rowCount }: Box): void {
    const { starts, counts, weights, stride } = this.#columns;
    const source = image.data, scratch = this.#scratch;
    const width = this.size[1], plane = rowCount * width;
    for (let row = 0; row < rowCount; row++) {
      const rowStart = ((top + row) * image.width + left) * 3;
      let to = row * width;
      for (let x = 0; x < width; x++, to++) {
        let red = 0, green = 0, blue = 0;
        let from = rowStart + starts[x]! * 3;
        let k = x * stride;
        const end = k + counts[x]!;
        for (; k + 1 < end; k += 2, from += 6) {
          const first = weights[k]!, second = weights[k + 1]!;
          red += first * source[from]! + second * source[from + 3]!;
          green += first * source[from + 1]! + second * source[from + 4]!;
          blue += first * source[from + 2]! + second * source[from + 5]!;
        }
        if (k < end) {
          const last = weights[k]!;
          red += last * source[from]!;
          green += last * source[from + 1]!;
          blue += last * source[from + 2]!;
        }
        scratch[to] = red;
        scratch[to + plane] = green;
        scratch[to + 2 * plane] = blue;
      }
    }
  }

  /** `[3 rows width]` to `[3 height width]`, normalised. Whole source rows are added, four at a time. */
  #scaleColumns(rowCount: number, output: Float32Array, at: number): void {
    const { starts, counts, weights, stride } = this.#rows;
    const scratch = this.#scratch;
    const [height, width] = this.size;
    const firstRow = starts[0]!;
    let to = at;
    for (let c = 0; c < 3; c++) {
      const factor = this.#factor[c]!, shift = this.#shift[c]!;
      for (let y = 0; y < height; y++, to += width) {
        output.fill(shift, to, to + width);
        const count = counts[y]!, base = y * stride;
        const rowStart = (c * rowCount + starts[y]! - firstRow) * width;
        for (let k = 0; k < count; k += 4) {
          // Missing taps get weight 0 and read a row that is there.
          const row0 = rowStart + k * width;
          const row1 = k + 1 < count ? row0 + width : row0;
          const row2 = k + 2 < count ? row1 + width : row0;
          const row3 = k + 3 < count ? row2 + width : row0;
          const weight0 = factor * weights[base + k]!;
          const weight1 = k + 1 < count ? factor * weights[base + k + 1]! : 0;
          const weight2 = k + 2 < count ? factor * weights[base + k + 2]! : 0;
          const weight3 = k + 3 < count ? factor * weights[base + k + 3]! : 0;
          for (let x = 0; x < width; x++) {
            output[to + x] = output[to + x]! + weight0 * scratch[row0 + x]! +
              weight1 * scratch[row1 + x]! + weight2 * scratch[row2 + x]! +
              weight3 * scratch[row3 + x]!;
          }
        }
      }
    }
  }
}
