/**
 * Feature files: Arrow IPC files with one row per image, written and read in batches, so that memory stays
 * constant while writing and reading needs little beyond the embeddings themselves. pyarrow, Polars and DuckDB
 * read the same files.
 *
 * Columns: `key` and `path` (utf8), one nullable column per label (utf8 for classes, float64 for numbers),
 * `embedding` (FixedSizeList<float32>[D], child `item`, not nullable). Provenance is in the schema metadata.
 *
 * @module
 */
export { readFeatures } from "./arrow/reader.ts";
export { FeatureWriter } from "./arrow/writer.ts";
export type {
  FeatureBatch,
  FeatureLabel,
  Features,
  FeatureSchema,
  LabelValues,
} from "./features.ts";
export { MOST_WIDTH } from "./features.ts";
