/**
 * Antialiased resampling as PIL does it: a triangle or cubic filter whose support grows with the downscale factor,
 * cut off at the edge of the source box, in two separable passes. Sums stay in floating point where PIL rounds to
 * 8 bits after each pass, so values differ from PIL's by at most about one level of 255.
 *
 * @module
 */
import { AxisTable, type ResampleFilter } from "./resample/axis_table.ts";
import { resampleKernels } from "./resample/kernels.ts";
import type { RgbImage } from "./rgb_image.ts";

export type { ResampleFilter } from "./resample/axis_table.ts";

/** A rectangle of whole pixels inside an image. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** The format of results. */
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
function clamp(values: Float32Array, [low, high]: readonly [number, number]): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < low) values[i] = low;
    else if (value > high) values[i] = high;
  }
}

/** Source rows copied at once, bytes: a large photo need not fit into the memory of the kernels. */
const STRIP_BYTES = 2 ** 18;
/** Kernels work on 16 bytes at a time, so they read and write a few bytes beyond the ends. */
const MARGIN_BYTES = 64;
const PAGE_BYTES = 2 ** 16;

/** Addresses in the memory of the kernels, and what lies there. */
interface Addresses {
  /** int32 [width]. */
  readonly starts: number;
  /** float64 [width 2 pairs]. */
  readonly columnWeights: number;
  readonly pairs: number;
  /** float64 [3 height stride]. */
  readonly rowWeights: number;
  /** Source rows as bytes. */
  readonly strip: number;
  /** The same scaled to the width of the result: float32 [3 rows width]. */
  readonly scaledRows: number;
  readonly rowCount: number;
  /** float32 [3 height width]. */
  readonly result: number;
}

/** Turns parts of images into normalised float32 planes. Keeps its memory between images. */
export class Resampler {
  readonly #filter: ResampleFilter;
  readonly #columns: AxisTable;
  readonly #rows: AxisTable;
  /** Height and width of the results, pixels. */
  readonly size: readonly [height: number, width: number];
  readonly #factor: readonly number[];
  readonly #shift: readonly number[];
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #kernels = resampleKernels(this.#memory);

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
    const needed = { ...box, top: box.top + firstRow, height: rowCount };
    const addresses = this.#assignAddresses(image, rowCount);
    this.#writeTables(addresses);
    this.#scaleRows(image, needed, addresses);
    this.#scaleColumns(addresses);
    output.set(this.#floats(addresses.result, 3 * height * width), at);
  }

  #floats(address: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, length);
  }

  /** Grows the memory as needed. */
  #assignAddresses(image: RgbImage, rowCount: number): Addresses {
    const [height, width] = this.size;
    const pairs = Math.ceil(this.#columns.counts.reduce((a, b) => Math.max(a, b)) / 2);
    let end = 0;
    const place = (bytes: number) => {
      const address = end;
      end = Math.ceil((end + bytes + MARGIN_BYTES) / 16) * 16;
      return address;
    };
    const addresses = {
      starts: place(4 * width),
      columnWeights: place(16 * width * pairs),
      pairs,
      rowWeights: place(24 * height * this.#rows.stride),
      // At the right edge the weights of missing taps are 0, but their bytes are read.
      strip: place(Math.max(STRIP_BYTES, 3 * image.width) + 6 * pairs),
      scaledRows: place(12 * rowCount * width),
      rowCount,
      result: place(12 * height * width),
    };
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    return addresses;
  }

  #writeTables({ starts, columnWeights, pairs, rowWeights }: Addresses): void {
    const [height, width] = this.size, { buffer } = this.#memory;
    const columns = this.#columns, rows = this.#rows;
    new Int32Array(buffer, starts, width).set(columns.starts.map((start) => 3 * start));
    const ofColumns = new Float64Array(buffer, columnWeights, 2 * pairs * width).fill(0);
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < columns.counts[x]!; k++) {
        ofColumns[2 * pairs * x + k] = columns.weights[columns.stride * x + k]!;
      }
    }
    const length = height * rows.stride;
    const ofRows = new Float64Array(buffer, rowWeights, 3 * length);
    for (let c = 0; c < 3; c++) {
      const factor = this.#factor[c]!;
      for (let i = 0; i < length; i++) ofRows[c * length + i] = factor * rows.weights[i]!;
    }
  }

  /** Source rows to result width: `[rows, width 3]` bytes to `[3 rows width]` floats. */
  #scaleRows(
    { width: imageWidth, data }: RgbImage,
    { top, left, width: boxWidth }: Box,
    { starts, columnWeights, pairs, strip, scaledRows, rowCount }: Addresses,
  ): void {
    const width = this.size[1], rowBytes = 3 * imageWidth;
    const rowsAtOnce = Math.max(1, Math.floor(STRIP_BYTES / rowBytes));
    for (let row = 0; row < rowCount; row += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, rowCount - row);
      const from = rowBytes * (top + row) + 3 * left;
      const part = data.subarray(from, from + rowBytes * (rows - 1) + 3 * boxWidth);
      new Uint8Array(this.#memory.buffer, strip, part.length).set(part);
      this.#kernels.scaleRows(
        strip,
        rowBytes,
        rows,
        starts,
        starts + 4 * width,
        columnWeights,
        pairs,
        scaledRows + 4 * row * width,
        4 * rowCount * width,
      );
    }
    if (this.#filter === "bicubic") clamp(this.#floats(scaledRows, 3 * rowCount * width), [0, 255]);
  }

  /** `[3 rows width]` to `[3 height width]`, normalised. Whole source rows are added. */
  #scaleColumns({ rowWeights, scaledRows, rowCount, result }: Addresses): void {
    const { starts, counts, stride } = this.#rows;
    const [height, width] = this.size, rowBytes = 4 * width;
    const { addRows } = this.#kernels;
    let to = result, weights = rowWeights;
    for (let c = 0; c < 3; c++) {
      // Between groups of rows the sum is rounded to 32 bits; so is its start value.
      const shift = Math.fround(this.#shift[c]!);
      const plane = scaledRows + c * rowCount * rowBytes;
      for (let y = 0; y < height; y++, to += rowBytes, weights += 8 * stride) {
        const from = plane + (starts[y]! - starts[0]!) * rowBytes;
        addRows(from, rowBytes, counts[y]!, weights, to, to + rowBytes, shift);
      }
    }
    if (this.#filter !== "bicubic") return;
    const length = height * width;
    for (let c = 0; c < 3; c++) {
      const black = this.#shift[c]!, white = 255 * this.#factor[c]! + black;
      clamp(this.#floats(result + 4 * c * length, length), [black, white]);
    }
  }
}
