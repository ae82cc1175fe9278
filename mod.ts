/**
 * I-JEPA as a library: what the stages are made of, without the stages. A program is one pure function of tensors; a
 * runtime runs it; everything random is a function of its place in the run.
 *
 * @example Train two steps on noise, in the compiled runtime
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const { config } = resolveConfig({ preset: "smoke", flags: { batch: 2 } });
 * const step = stepConfigOf(config);
 * const runtime = await createRuntime("onnx", { threads: 1 });
 * const trainer = await Trainer.create(runtime, step);
 * trainer.write(initialState(step.model, { seed: 0, ...config.model }));
 *
 * const noise = new RandomStream({ seed: 0, purpose: "example" });
 * const images = Float32Array.from({ length: 2 * 3 * 32 * 32 }, () => noise.normal());
 * const losses: number[] = [];
 * for (let index = 0; index < 2; index++) {
 *   const masks = sampleMasks(config.masks, gridOf(step.model.encoder), {
 *     seed: 0,
 *     step: index,
 *     batch: 2,
 *   });
 *   const hyper = { learningRate: 1e-3, weightDecay: 0.05, emaMomentum: 0.996 };
 *   losses.push((await trainer.step({ images, masks, hyper, step: index })).loss);
 * }
 * trainer[Symbol.dispose]();
 * assert.ok(losses.every((loss) => loss > 0 && loss < 1));
 * ```
 *
 * @module
 */
export { Failure, type FailureKind } from "./lib/failure.ts";
export {
  type Dtype,
  type FloatTensor,
  floatTensor,
  type HostTensor,
  type TensorRecord,
} from "./lib/tensor.ts";
export { type Key, RandomStream } from "./lib/random/mod.ts";

export {
  BatchLoader,
  type BatchSpec,
  type LabelColumn,
  type LoadedBatch,
  type LoaderOptions,
  type Manifest,
  openShards,
  type Sample,
  type Shards,
  type ShardSplit,
  verifyShards,
} from "./lib/data/mod.ts";
export { decodeImage, randomCrop, resizeCenterCrop, type RgbImage } from "./lib/images/mod.ts";

export {
  type EncoderConfig,
  gridOf,
  type ModelConfig,
  type PredictorConfig,
} from "./lib/model/config.ts";
export { encoderProgram, featureProgram } from "./lib/model/inference.ts";
export { type Pooling, POOLINGS } from "./lib/model/pooling.ts";
export {
  checkMaskGeometry,
  type MaskConfig,
  type MaskCoverage,
  type MaskIndices,
  type Masks,
  type MaskStrategy,
  MaskTally,
  maskTokenBounds,
  sampleMasks,
} from "./lib/model/masks.ts";
export { encoderShapes, initialise, predictorShapes } from "./lib/model/parameters.ts";
export { type MaskReport, masksPage } from "./lib/pages/masks_page.ts";

export {
  type ConfigSources,
  DEFAULTS,
  modelConfigOf,
  planRun,
  type Preset,
  PRESETS,
  type PretrainConfig,
  resolveConfig,
  type ResolvedConfig,
  type RunPlan,
} from "./lib/config/mod.ts";
export { type LoopParts, type StepReport, train } from "./lib/training/loop.ts";
export { type Monitors } from "./lib/training/monitors.ts";
export { imagesOfStep, stepsPerEpochOf } from "./lib/training/order.ts";
export { hyperAt, type StepHyper } from "./lib/training/schedules.ts";
export { initialState, stateShapes } from "./lib/training/state.ts";
export {
  gradientProgram,
  type StepConfig,
  stepConfigOf,
  updateProgram,
} from "./lib/training/step.ts";
export { type StepInput, type StepResult, Trainer } from "./lib/training/trainer.ts";

export {
  emitOnnx,
  type Executable,
  fuse,
  type Graph,
  printGraph,
  type Program,
  type Runtime,
  simplify,
  traceProgram,
  verifyGraph,
} from "./lib/compile/mod.ts";
export { createRuntime, RUNTIME_NAMES, type RuntimeOptions } from "./lib/runtime/mod.ts";

export { type Features, FeatureWriter, readFeatures } from "./lib/formats/arrow.ts";
export { encodeOnnx, type OnnxModel } from "./lib/formats/onnx.ts";
export { encodeSafetensors, readSafetensors, writeSafetensors } from "./lib/formats/safetensors.ts";

export { type Encoder, readEncoder, writeEncoder } from "./lib/encoder/mod.ts";
export { latestCheckpoint, readCheckpoint, readRun, type RunRecord } from "./lib/run/mod.ts";

export {
  compareProbes,
  fitLogistic,
  fitRidge,
  predictRidge,
  probeFeatures,
  type ProbeMetrics,
} from "./lib/probe/mod.ts";
