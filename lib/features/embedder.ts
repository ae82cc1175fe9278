/** The interface between extraction and what computes embeddings. */
import type { Preprocessing } from "../formats/huggingface.ts";

/** Turns prepared images into vectors. */
export interface Embedder extends Disposable {
  /** D, the length of an embedding. */
  readonly width: number;
  /** How images must be prepared. */
  readonly preprocessing: Preprocessing;
  /** What computes, for messages. */
  readonly description: string;
  /**
   * Embeds a batch. One at a time; the images must stay as they are until it is done.
   *
   * @param images normalised, [rows 3 H W]
   * @returns [rows D]
   */
  embed(images: Float32Array<ArrayBuffer>, rows: number): Promise<Float32Array<ArrayBuffer>>;
}
