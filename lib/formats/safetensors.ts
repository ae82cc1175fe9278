/**
 * The safetensors format: an 8-byte header length, a JSON header, then the tensors without gaps. Written byte for
 * byte as the Python library writes it (wider types first, then by name); read with distrust: whatever is wrong
 * with a file is named with its path and tensor. Numbers are little-endian, as on every machine Deno runs on.
 *
 * @module
 */
export {
  findWeightsFile,
  type HashedFile,
  hashWeights,
  listWeightsFile,
  readWeightsFile,
  sha256OfHashed,
  sha256OfWeights,
} from "./safetensors/parts.ts";
export {
  listSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors/reader.ts";
export { encodeSafetensors, writeSafetensors, type WrittenFile } from "./safetensors/writer.ts";
