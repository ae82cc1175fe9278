/**
 * Finished encoders: directories in Hugging Face layout, written by the checkpoint stage and read by the features stage.
 *
 * @module
 */
export { checkOnnx, type OnnxCheck } from "./check.ts";
export {
  type Encoder,
  ENCODER_FILES,
  type EncoderSettings,
  type EncoderWeights,
  readEncoder,
  readEncoderSettings,
  writeEncoder,
} from "./directory.ts";
export { modelCard, type Origin } from "./model_card.ts";
export { onnxModelOf, writeOnnx } from "./onnx.ts";
export { encoderAt, IMAGE_SIZE_FLAG, parseImageSize, settingsAt } from "./resolution.ts";
export { resizeTo } from "../formats/huggingface.ts";
