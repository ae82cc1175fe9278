/**
 * Images of shards to embeddings in a feature file.
 *
 * @module
 */
export type { Embedder } from "./embedder.ts";
export { encoderEmbedder, featureWidth } from "./encoder_embedder.ts";
export { extractFeatures, type Extraction } from "./extract.ts";
export { pixelEmbedder } from "./pixel_embedder.ts";
export { type PreparedBatch, preparedBatches } from "./prepared.ts";
export { sideBySide } from "./side_by_side.ts";
export { encoderSource, isPixels, pixelSource, type Source, type SourceOptions } from "./source.ts";
