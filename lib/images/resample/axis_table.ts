/** Resampling filters, and their weights along one axis. */

/** `bilinear`: triangle of radius 1; `bicubic`: Keys' cubic with a = -0.5, radius 2. Both as in PIL. */
export type ResampleFilter = "bilinear" | "bicubic";

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
export class AxisTable {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** 0 for missing source pixels. */
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
      this.weights.fill(0, base + end - start, base + this.stride);
      this.starts[at] = start;
      this.counts[at] = end - start;
    }
  }
}
