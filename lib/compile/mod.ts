/**
 * From a pure function of TensorFlow.js ops to a typed graph, and from there to a model file.
 *
 * @module
 */
export { bindInputs } from "./bind.ts";
export { fuse } from "./fuse.ts";
export { type Graph, printGraph } from "./graph.ts";
export { emitOnnx } from "./onnx/lower.ts";
export {
  type Executable,
  type Need,
  type Program,
  residentNames,
  type Runtime,
  type Tensors,
  type TensorSpec,
} from "./program.ts";
export { overwritable } from "./overwrite.ts";
export { simplify } from "./simplify.ts";
export { traceProgram } from "./unify.ts";
export { verifyGraph } from "./verify.ts";
