/**
 * Antialiased resampling as PIL does it: a triangle or cubic filter whose support grows with the downscale factor,
 * cut off at the edge of the source box, in two separable passes. Sums stay in floating point where PIL rounds to
 * 8 bits after each pass, so values differ from PIL's by at most about one level of 255.
 *
 * @module
 */
import { AxisTable, type ResampleFilter } from "./axis_table.ts";
import type { RgbImage } from "./decode.ts";

export type { ResampleFilter } from "./axis_table.ts";

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

/** Where a source row of bytes begins, and where its three result rows of floats do: `plane` apart. */
interface RowPlace {
  readonly from: number;
  readonly to: number;
  readonly plane: number;
}

/** Scales one row by any number of taps. Two per turn: the loop is bound by its own bookkeeping otherwise. */
function scaleRow(
  source: Uint8Array,
  scratch: Float32Array,
  { starts, counts, weights, stride }: AxisTable,
  { from: rowStart, to, plane }: RowPlace,
): void {
  for (let x = 0; x < starts.length; x++) {
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
    scratch[to + x] = red;
    scratch[to + plane + x] = green;
    scratch[to + 2 * plane + x] = blue;
  }
}

/** Scales one row where no result pixel has more than two taps: images that are enlarged. */
function scaleRowByTwo(
  source: Uint8Array,
  scratch: Float32Array,
  { starts, weights, stride }: AxisTable,
  { from: rowStart, to, plane }: RowPlace,
): void {
  for (let x = 0; x < starts.length; x++) {
    const from = rowStart + starts[x]! * 3, k = x * stride;
    const first = weights[k]!, second = weights[k + 1]!;
    scratch[to + x] = first * source[from]! + second * source[from + 3]!;
    scratch[to + plane + x] = first * source[from + 1]! + second * source[from + 4]!;
    scratch[to + 2 * plane + x] = first * source[from + 2]! + second * source[from + 5]!;
  }
}

/** The same for three taps: images that are slightly reduced. */
function scaleRowByThree(
  source: Uint8Array,
  scratch: Float32Array,
  { starts, weights, stride }: AxisTable,
  { from: rowStart, to, plane }: RowPlace,
): void {
  for (let x = 0; x < starts.length; x++) {
    const from = rowStart + starts[x]! * 3, k = x * stride;
    const first = weights[k]!, second = weights[k + 1]!, third = weights[k + 2]!;
    scratch[to + x] = first * source[from]! + second * source[from + 3]! +
      third * source[from + 6]!;
    scratch[to + plane + x] = first * source[from + 1]! + second * source[from + 4]! +
      third * source[from + 7]!;
    scratch[to + 2 * plane + x] = first * source[from + 2]! + second * source[from + 5]! +
      third * source[from + 8]!;
  }
}

/** A result row and the source rows that it is a sum of. */
interface RowSum {
  /** Index of the first source row, and of the result row. */
  readonly from: number;
  readonly to: number;
  readonly width: number;
  /** One weight per source row, each times `factor`. */
  readonly taps: Float64Array;
  readonly factor: number;
  /** What the sum starts from. */
  readonly shift: number;
}

/** The sum of one or two source rows: all of them where an image is enlarged. */
function addTwoRows(
  source: Float32Array,
  output: Float32Array,
  { from, to, width, taps, factor, shift }: RowSum,
): void {
  const second = taps.length > 1 ? from + width : from;
  const weight0 = factor * taps[0]!, weight1 = taps.length > 1 ? factor * taps[1]! : 0;
  for (let x = 0; x < width; x++) {
    output[to + x] = shift + weight0 * source[from + x]! + weight1 * source[second + x]!;
  }
}

/** The sum of any number of source rows, four per turn. */
function addRows(
  source: Float32Array,
  output: Float32Array,
  { from, to, width, taps, factor, shift }: RowSum,
): void {
  output.fill(shift, to, to + width);
  const count = taps.length;
  for (let k = 0; k < count; k += 4) {
    // Missing taps get weight 0 and read a row that is there.
    const row0 = from + k * width;
    const row1 = k + 1 < count ? row0 + width : row0;
    const row2 = k + 2 < count ? row1 + width : row0;
    const row3 = k + 3 < count ? row2 + width : row0;
    const weight0 = factor * taps[k]!;
    const weight1 = k + 1 < count ? factor * taps[k + 1]! : 0;
    const weight2 = k + 2 < count ? factor * taps[k + 2]! : 0;
    const weight3 = k + 3 < count ? factor * taps[k + 3]! : 0;
    for (let x = 0; x < width; x++) {
      output[to + x] = output[to + x]! + weight0 * source[row0 + x]! +
        weight1 * source[row1 + x]! + weight2 * source[row2 + x]! +
        weight3 * source[row3 + x]!;
    }
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

  /** Source rows to result width: `[rows, width 3]` bytes to `[3 rows width]` floats. */
  #scaleRows(image: RgbImage, { top, left, height: rowCount }: Box): void {
    const table = this.#columns, taps = table.counts.reduce((a, b) => Math.max(a, b));
    const width = this.size[1], plane = rowCount * width;
    const lastStart = table.starts.reduce((a, b) => Math.max(a, b));
    for (let row = 0; row < rowCount; row++) {
      const from = ((top + row) * image.width + left) * 3;
      const place = { from, to: row * width, plane };
      // With a fixed number of taps those that are missing have weight 0, but must lie inside of the image.
      const inside = from + 3 * (lastStart + 3) <= image.data.length;
      if (taps <= 2 && inside) scaleRowByTwo(image.data, this.#scratch, table, place);
      else if (taps <= 3 && inside) scaleRowByThree(image.data, this.#scratch, table, place);
      else scaleRow(image.data, this.#scratch, table, place);
    }
  }

  /** `[3 rows width]` to `[3 height width]`, normalised. Whole source rows are added. */
  #scaleColumns(rowCount: number, output: Float32Array, at: number): void {
    const { starts, counts, weights, stride } = this.#rows;
    const [height, width] = this.size;
    let to = at;
    for (let c = 0; c < 3; c++) {
      const factor = this.#factor[c]!;
      // Between turns the sum rests in `output`; so does where it starts from.
      const shift = Math.fround(this.#shift[c]!);
      for (let y = 0; y < height; y++, to += width) {
        const row = { from: (c * rowCount + starts[y]! - starts[0]!) * width, to, width };
        const taps = weights.subarray(y * stride, y * stride + counts[y]!);
        const add = taps.length <= 2 ? addTwoRows : addRows;
        add(this.#scratch, output, { ...row, taps, factor, shift });
      }
    }
  }
}
