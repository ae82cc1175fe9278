/** Decoded images. */

/** Pixels in memory, 8 bits, sRGB. */
export interface RgbImage {
  readonly height: number;
  readonly width: number;
  /** [height width 3], row-major. */
  readonly data: Uint8Array;
}

/** Smaller memory is left to the garbage collector, which is faster. */
const LARGE_BYTES = 2 ** 22;

/**
 * Frees the memory of an image or a file, which is empty afterwards. The garbage collector would let several large ones
 * accumulate.
 */
export function freeData({ data }: { readonly data: Uint8Array }): void {
  const { buffer, byteLength } = data;
  if (byteLength < LARGE_BYTES || byteLength !== buffer.byteLength) return;
  (buffer as ArrayBuffer).transfer(0);
}
