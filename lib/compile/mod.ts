/**
 * From a pure function of TensorFlow.js ops to a typed graph, and from there to a model file.
 *
 * @module
 */
export { bindInputs } from "./passes/bind.ts";
export { fuse } from "./passes/fuse.ts";
export type { Graph } from "./graph/graph.ts";
export { printGraph } from "./graph/print.ts";
export { emitOnnx } from "./onnx/rules.ts";
export {
  type Executable,
  type Need,
  type PrepareOptions,
  type Program,
  residentNames,
  residentSpecs,
  type Runtime,
  type Store,
  type Tensors,
  type TensorSpec,
} from "./program.ts";
export { overwritable } from "./onnx/overwrite.ts";
export { simplify } from "./passes/simplify.ts";
export { traceProgram } from "./trace/unify.ts";
export { verifyGraph } from "./graph/verify.ts";
