import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import {
  bindInputs,
  emitOnnx,
  printGraph,
  type Program,
  traceProgram,
  verifyGraph,
} from "../../../lib/compile/mod.ts";
import { floatTensor } from "../../../lib/tensor.ts";

const PROGRAM: Program = {
  name: "scale",
  carried: [],
  parameters: ["scale"],
  inputs: {
    x: { dtype: "float32", shape: ["n", 2] },
    scale: { dtype: "float32", shape: [2] },
  },
  run: ({ x, scale }) => ({ y: tf.mul(x!, scale!) }),
};
const SCALE = floatTensor([2], Float32Array.of(3, 5));

Deno.test("bindInputs() makes constants of inputs, which keep their names in ONNX", () => {
  const graph = bindInputs(traceProgram(PROGRAM), { scale: SCALE });
  verifyGraph(graph);
  assert.equal(
    printGraph(graph),
    [
      "program scale (n)",
      "  %0: float32[n, 2] = input x",
      "  %1: float32[2] = constant 3, 5",
      "  %2: float32[n, 2] = Multiply %0 %1",
      "  return y = %2",
    ].join("\n"),
  );
  const model = emitOnnx(graph, { portable: true });
  assert.deepEqual(model.inputs, [{ name: "x", type: "float32", shape: ["n", 2] }]);
  assert.deepEqual([...model.constants], [["scale", SCALE]]);
  assert.deepEqual(model.nodes.map(({ inputs }) => inputs), [["x", "scale"]]);
});

Deno.test("bindInputs() refuses what does not fit", () => {
  const graph = traceProgram(PROGRAM);
  assert.throws(() => bindInputs(graph, { scale: floatTensor([3]) }), {
    name: "RangeError",
    message: 'Cannot bind "scale" of "scale" to float32 [3]: the input of that name is float32 [2]',
  });
  assert.throws(() => bindInputs(graph, { bias: floatTensor([2]) }), {
    name: "RangeError",
    message: 'Cannot bind "bias" of "scale" to float32 [2]: the input of that name is none',
  });
});
