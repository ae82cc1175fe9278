import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program } from "../../lib/compile/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { runtimesNamed, testOn } from "../runtimes.ts";

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

/** Sees the counter of the other program. */
const READER: Program = {
  name: "reader",
  carried: [],
  parameters: ["count"],
  inputs: { count: { dtype: "float32", shape: [] } },
  run: ({ count }) => ({ seen: tf.add(count!, 0) }),
};

for (const tried of runtimesNamed("onnx", "cpu", "native")) {
  testOn(tried, "a parameter stays in the runtime as it was set", async () => {
    const runtime = await tried.create({ threads: 1 });
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
    const count = floatTensor([], Float32Array.of(2));
    const scale = floatTensor([2], Float32Array.of(3, 5));
    assert.deepEqual(await executable.read(), { count, scale });
    assert.deepEqual(await executable.read(["count"]), { count });
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

  testOn(tried, "two programs share what stays in the runtime under one name", async () => {
    const runtime = await tried.create({ threads: 1 });
    const counter = await runtime.prepare(PROGRAM);
    const reader = await runtime.prepare(READER, { sharing: counter });
    counter.write({ count: floatTensor([]), scale: floatTensor([2], Float32Array.of(3, 5)) });
    const x = floatTensor([1, 2], Float32Array.of(1, 1));
    for (const wanted of [1, 2, 3]) {
      await counter.run({ x });
      assert.deepEqual([...(await reader.run({}))["seen"]!.data], [wanted]);
    }
    reader.write({ count: floatTensor([], Float32Array.of(7)) });
    await counter.run({ x });
    counter.dispose();
    assert.deepEqual([...(await reader.run({}))["seen"]!.data], [8]);
    reader.dispose();
  });
}
