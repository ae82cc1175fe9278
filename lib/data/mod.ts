/**
 * Images and their labels: listing, packing into shards, reading shards, batches.
 *
 * @module
 */
export {
  type BadFile,
  compareText,
  type ImageFile,
  type ImageListing,
  isInside,
  listImages,
} from "./listing.ts";
export {
  type FolderRecord,
  folderRecord,
  ImageContents,
  recallContents,
} from "./listing/content.ts";
export { describeFaint, describeListing, expectWholeListing } from "./listing/report.ts";
export { clsColumnOf, collectLabels, type Labels, type LabelValues } from "./labels.ts";
export { describeLabels } from "./labels/report.ts";
export { BatchLoader, type BatchSpec, type LoadedBatch, type LoaderOptions } from "./loader.ts";
export {
  type Channels,
  formatManifest,
  formatTimmInfo,
  type LabelColumn,
  type Manifest,
  MANIFEST_FILE,
  type SampleOffsets,
  type ShardFile,
  type SplitManifest,
} from "./manifest.ts";
export { medianSide } from "./median_side.ts";
export { mapInOrder } from "./ordered.ts";
export { type FaintImage, isHeldOut, type Packed, packImages, type PackOptions } from "./pack.ts";
export { expectFewBad, formatQuarantine, QUARANTINE_FILE, someOf } from "./quarantine.ts";
export type { Sample, ShardSplit } from "./shard_split.ts";
export { openShards, type Shards, verifyShards } from "./shards.ts";
export { FolderSource, type ImageSource } from "./source.ts";
