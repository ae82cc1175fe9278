/**
 * Images and their labels: listing, decoding, packing into shards, reading shards.
 *
 * @module
 */
export { type Crop, type CropConfig, randomCrop, resizeCenterCrop } from "./crop.ts";
export { decodeImage, freeData, type RgbImage, useImage } from "./decode.ts";
export {
  type BadFile,
  compareText,
  type ImageFile,
  type ImageListing,
  isInside,
  listImages,
} from "./images.ts";
export {
  type FolderRecord,
  folderRecord,
  ImageContents,
  recallContents,
} from "./images/content.ts";
export { describeFaint, describeListing, expectWholeListing } from "./images/report.ts";
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
export { type Box, type ResampleFilter, Resampler, type ResampleSpec } from "./resample.ts";
export { expectFewBad, formatQuarantine, QUARANTINE_FILE, someOf } from "./quarantine.ts";
export { HAS_TURBOJPEG } from "./turbojpeg.ts";
export type { Sample, ShardSplit } from "./shard_split.ts";
export { openShards, type Shards, verifyShards } from "./shards.ts";
