/**
 * The Hugging Face layout of an I-JEPA encoder: names of tensors, `config.json`, `preprocessor_config.json`
 * (docs/method.md section 8.2). Plain text and plain tensors, independent of the network's code.
 *
 * @module
 */
export { type EncoderSizes, formatConfig, parseConfig } from "./huggingface/config.ts";
export {
  fromHuggingFace,
  huggingFaceNames,
  huggingFaceShapes,
  toHuggingFace,
  withoutRegisterRows,
} from "./huggingface/names.ts";
export {
  defaultPreprocessing,
  formatPreprocessor,
  parsePreprocessor,
  type Preprocessing,
  type Resize,
  resizeTo,
} from "./huggingface/preprocessor.ts";
