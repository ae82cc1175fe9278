/**
 * Image files as pixels, and pixels of another size: formats, decoding within a budget of memory, crops.
 *
 * @module
 */
export { type Crop, type CropConfig, randomCrop, resizeCenterCrop } from "./crop.ts";
export {
  decodeImage,
  encodeShorterSide,
  freeData,
  isShrunk,
  type RgbImage,
  useImage,
} from "./decode.ts";
export { DECODE_BYTES, DecodeBudget } from "./decode_budget.ts";
export { hasImageExtension, hasRawExtension, SNIFF_BYTES, sniffFormat } from "./image_format.ts";
export { type Box, type ResampleFilter, Resampler, type ResampleSpec } from "./resample.ts";
export { expectWholePicture } from "./silent_damage.ts";
export { HAS_TURBOJPEG } from "./turbojpeg.ts";
