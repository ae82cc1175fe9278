/** Sizes of encoder and predictor, and what follows from them. */

/** The sizes of an encoder. Axes: D width, H heads. */
export interface EncoderConfig {
  /** Height and width of the input, pixels; multiples of `patchSize`. */
  readonly imageSize: readonly [height: number, width: number];
  /** Side of a square patch, pixels. */
  readonly patchSize: number;
  /** Width D of the token representations; a multiple of `heads` and of 4. */
  readonly width: number;
  /** Number of transformer blocks. */
  readonly depth: number;
  readonly heads: number;
  /** Width of the hidden layer of each block's MLP. */
  readonly mlpWidth: number;
  /** Learned tokens R that every sequence gets besides its patches, see `registers.ts`; absent: none. */
  readonly registers?: number;
  /** Epsilon of its LayerNorms; absent: that of training, 1e-6. Foreign encoders may have another. */
  readonly layerNormEpsilon?: number;
}

/** The sizes of a predictor. It shares the grid with its encoder. */
export interface PredictorConfig {
  readonly width: number;
  /** Width T of its predictions: the encoder's, or the values of a patch. */
  readonly outputWidth: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpWidth: number;
}

/** Sizes of everything that has weights. */
export interface ModelConfig {
  readonly encoder: EncoderConfig;
  readonly predictor: PredictorConfig;
}

/** Rows and columns of the patch grid, `[Hp Wp]`. */
export function gridOf(encoder: EncoderConfig): readonly [rows: number, columns: number] {
  const [height, width] = encoder.imageSize;
  return [height / encoder.patchSize, width / encoder.patchSize];
}

/** Tokens of a whole image that attend to each other: its patches and the registers. */
export function sequenceLength(encoder: EncoderConfig): number {
  const [rows, columns] = gridOf(encoder);
  return rows * columns + (encoder.registers ?? 0);
}
