/**
 * Images of shards to embeddings in a feature file.
 *
 * @module
 */
export type { Embedder } from "./embedder.ts";
export { encoderEmbedder } from "./encoder_embedder.ts";
export { extractFeatures, type Extraction } from "./extract.ts";
export { pixelEmbedder } from "./pixel_embedder.ts";
export { type PreparedBatch, preparedBatches } from "./prepared.ts";
