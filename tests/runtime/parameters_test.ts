import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program } from "../../lib/compile/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";

/** `y = x * scale`, and a counter that is carried. */
const PROGRAM: Program = {
  name: "scale",
  carried: ["count"],
  parameters: ["scale"],
  inputs: {
    x: { dtype: "float32", shape: ["n", 2] },
    scale: { dtype: "float32", shape: [2] },
    count: { dtype: "float32", shape: [] },
  },
  run: ({ x, scale, count }) => ({
    y: tf.mul(x!, scale!),
    count: tf.add(count!, 1),
  }),
};

for (const name of ["onnx", "cpu"]) {
  Deno.test(`a parameter stays in the ${name} runtime as it was set`, async () => {
    const runtime = await createRuntime(name, { threads: 1 });
    const executable = await runtime.prepare(PROGRAM);
    const one = { x: floatTensor([1, 2], Float32Array.of(1, 1)) };
    executable.write({ count: floatTensor([]) });
    await assert.rejects(() => executable.run(one), {
      name: "RangeError",
      message: 'Cannot run "scale": "scale" was never set',
    });
    executable.write({ scale: floatTensor([2], Float32Array.of(3, 5)) });
    const two = { x: floatTensor([2, 2], Float32Array.of(1, 2, 4, 8)) };
    assert.deepEqual([...(await executable.run(one))["y"]!.data], [3, 5]);
    assert.deepEqual([...(await executable.run(two))["y"]!.data], [3, 10, 12, 40]);
    assert.deepEqual(await executable.read(), { count: floatTensor([], Float32Array.of(2)) });
    executable.write({ scale: floatTensor([2], Float32Array.of(1, -1)) });
    assert.deepEqual([...(await executable.run(one))["y"]!.data], [1, -1]);
    await assert.rejects(() => executable.run({ ...one, scale: floatTensor([2]) }), {
      name: "RangeError",
      message: 'Cannot run "scale": it takes no input "scale"',
    });
    assert.throws(() => executable.write({ scale: floatTensor([3]) }), {
      name: "RangeError",
      message: 'Cannot set state of "scale": "scale" is float32 [3], expected float32 [2]',
    });
    executable.dispose();
  });
}
