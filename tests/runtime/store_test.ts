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
    executable.store.write({ count: floatTensor([]) });
    await assert.rejects(() => executable.run(one), {
      name: "RangeError",
      message: 'Cannot run "scale": "scale" was never set',
    });
    executable.store.write({ scale: floatTensor([2], Float32Array.of(3, 5)) });
    const two = { x: floatTensor([2, 2], Float32Array.of(1, 2, 4, 8)) };
    assert.deepEqual([...(await executable.run(one))["y"]!.data], [3, 5]);
    assert.deepEqual([...(await executable.run(two))["y"]!.data], [3, 10, 12, 40]);
    const count = floatTensor([], Float32Array.of(2));
    const scale = floatTensor([2], Float32Array.of(3, 5));
    assert.deepEqual(await executable.store.read(), { count, scale });
    assert.deepEqual(await executable.store.read(["count"]), { count });
    executable.store.write({ scale: floatTensor([2], Float32Array.of(1, -1)) });
    assert.deepEqual([...(await executable.run(one))["y"]!.data], [1, -1]);
    await assert.rejects(() => executable.run({ ...one, scale: floatTensor([2]) }), {
      name: "RangeError",
      message: 'Cannot run "scale": it takes no input "scale"',
    });
    assert.throws(() => executable.store.write({ scale: floatTensor([3]) }), {
      name: "RangeError",
      message: 'Cannot write "scale": expected float32 [2], got float32 [3]',
    });
    assert.throws(() => executable.store.write({ shift: floatTensor([2]) }), {
      name: "RangeError",
      message: 'Cannot write "shift": the store has none',
    });
    executable.dispose();
  });

  testOn(tried, "programs on one store share what it has, until it is disposed", async () => {
    const runtime = await tried.create({ threads: 1 });
    const { count, scale } = PROGRAM.inputs;
    const store = runtime.store({ count: count!, scale: scale! });
    assert.deepEqual([store.bytes, Object.keys(store.specs)], [12, ["count", "scale"]]);
    const counter = await runtime.prepare(PROGRAM, { store });
    const reader = await runtime.prepare(READER, { store });
    store.write({ count: floatTensor([]), scale: floatTensor([2], Float32Array.of(3, 5)) });
    const x = floatTensor([1, 2], Float32Array.of(1, 1));
    for (const wanted of [1, 2, 3]) {
      await counter.run({ x });
      assert.deepEqual([...(await reader.run({}))["seen"]!.data], [wanted]);
    }
    store.write({ count: floatTensor([], Float32Array.of(7)) });
    await counter.run({ x });
    counter.dispose();
    assert.deepEqual([...(await reader.run({}))["seen"]!.data], [8]);
    reader.dispose();
    assert.deepEqual([...(await store.read(["count"]))["count"]!.data], [8]);
    store[Symbol.dispose]();
  });

  testOn(tried, "a program finds its tensors in a store under other names", async () => {
    const runtime = await tried.create({ threads: 1 });
    const spec = READER.inputs["count"]!;
    using store = runtime.store({ "count.0": spec, "count.1": spec });
    const nameOf = (lane: number) => (name: string) => `${name}.${lane}`;
    const readers = [
      await runtime.prepare(READER, { store, nameOf: nameOf(0) }),
      await runtime.prepare(READER, { store, nameOf: nameOf(1) }),
    ];
    store.write({ "count.0": floatTensor([], Float32Array.of(4)) });
    await assert.rejects(() => readers[1]!.run({}), {
      message: 'Cannot run "reader": "count" was never set',
    });
    store.write({ "count.1": floatTensor([], Float32Array.of(9)) });
    const seen = await Promise.all(readers.map((reader) => reader.run({})));
    assert.deepEqual(seen.map((results) => results["seen"]!.data[0]), [4, 9]);
    for (const reader of readers) reader.dispose();
  });

  testOn(tried, "a store that lacks a tensor of a program is refused", async () => {
    const runtime = await tried.create({ threads: 1 });
    using store = runtime.store({ count: { dtype: "float32", shape: [2] } });
    await assert.rejects(() => runtime.prepare(READER, { store }), {
      name: "RangeError",
      message:
        'Cannot prepare "reader": expected "count" in the store as float32 [], got float32 [2]',
    });
    await assert.rejects(() => runtime.prepare(READER, { store, nameOf: () => "other" }), {
      message: 'Cannot prepare "reader": expected "other" in the store as float32 [], got none',
    });
  });
}
