/** The encoder sizes of the paper. */

/** Sizes of a vision transformer, patch size aside. */
export interface EncoderSize {
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpRatio: number;
}

/** The model zoo of the paper and its code (docs/method.md section 2.7). Giant is the 1.01-billion ViT-g, not ViT-G. */
export const ENCODER_SIZES = {
  tiny: { width: 192, depth: 12, heads: 3, mlpRatio: 4 },
  small: { width: 384, depth: 12, heads: 6, mlpRatio: 4 },
  base: { width: 768, depth: 12, heads: 12, mlpRatio: 4 },
  large: { width: 1024, depth: 24, heads: 16, mlpRatio: 4 },
  huge: { width: 1280, depth: 32, heads: 16, mlpRatio: 4 },
  giant: { width: 1408, depth: 40, heads: 16, mlpRatio: 48 / 11 },
} as const satisfies Readonly<Record<string, EncoderSize>>;
