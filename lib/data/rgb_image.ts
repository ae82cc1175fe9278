/** Pixels in memory, 8 bits, sRGB. */
export interface RgbImage {
  readonly height: number;
  readonly width: number;
  /** [height width 3], row-major. */
  readonly data: Uint8Array;
}
