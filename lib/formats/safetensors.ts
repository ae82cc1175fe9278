/**
 * The safetensors format: an 8-byte header length, a JSON header, then the tensors without gaps. Written byte for byte
 * as the Python library writes it (wider types first, then by name); validated when read: a failure names file and
 * tensor. Numbers are little-endian, as on every machine Deno runs on.
 *
 * @module
 */
export {
  filesOfWeights,
  findWeightsFile,
  listWeightsFile,
  readWeightsFile,
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
