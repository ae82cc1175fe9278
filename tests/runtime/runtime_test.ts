import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { parseFlags } from "../../lib/cli/flags.ts";
import type { Program } from "../../lib/compile/mod.ts";
import { Failure } from "../../lib/failure.ts";
import { createRuntime, RUNTIME_FLAGS } from "../../lib/runtime/mod.ts";
import { OnnxRuntimeLibrary } from "../../lib/runtime/onnxruntime.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { runtimesNamed, testOn } from "../runtimes.ts";

/** total ← total + x, and the product of both as a result. */
const COUNTER: Program = {
  name: "counter",
  carried: ["total"],
  inputs: {
    x: { dtype: "float32", shape: ["n"] },
    total: { dtype: "float32", shape: [] },
  },
  run: ({ x, total }) => ({ total: tf.add(total!, tf.sum(x!)), scaled: tf.mul(x!, total!) }),
};

function vector(...values: number[]) {
  return floatTensor([values.length], Float32Array.from(values));
}

/** What every runtime does, whatever it runs on. */
for (const tried of runtimesNamed("onnx", "native", "cpu", "wasm")) {
  testOn(tried, "carried tensors stay between runs, other results come back", async () => {
    const executable = await (await tried.create({ threads: 1 })).prepare(COUNTER);
    executable.store.write({ total: floatTensor([], Float32Array.of(10)) });
    const first = await executable.run({ x: vector(1, 2) });
    assert.deepEqual([...first["scaled"]!.data as Float32Array], [10, 20]);
    const second = await executable.run({ x: vector(1, 0, 4) });
    assert.deepEqual([...second["scaled"]!.data as Float32Array], [13, 0, 52]);
    assert.deepEqual(Object.keys(second), ["scaled"]);
    const { total } = await executable.store.read();
    assert.deepEqual([...total!.data as Float32Array], [18]);
    executable.dispose();
  });

  testOn(tried, "wrong feeds are named", async () => {
    const executable = await (await tried.create({ threads: 1 })).prepare(COUNTER);
    await assert.rejects(executable.run({ x: vector(1) }), {
      message: 'Cannot run "counter": "total" was never set',
    });
    executable.store.write({ total: floatTensor([]) });
    await assert.rejects(executable.run({}), {
      message: 'Cannot run "counter": input "x" is missing',
    });
    await assert.rejects(executable.run({ x: floatTensor([2, 2]) }), {
      message: 'Cannot run "counter": input "x" is float32 [2 2] with 4 values, ' +
        "expected float32 [n]",
    });
    await assert.rejects(executable.run({ x: vector(1), y: vector(2) }), {
      message: 'Cannot run "counter": it takes no input "y"',
    });
    assert.throws(() => executable.store.write({ total: vector(1, 2) }), RangeError);
    executable.dispose();
  });
}

Deno.test("onnx: denormal numbers stay, in this thread and in each that may run a step", async () => {
  const executable = await (await createRuntime("onnx", { threads: 1 })).prepare(COUNTER);
  // Threads that are started from here on take over this thread's mode.
  assert.equal(1e-300 * 1e-10, 1e-310);
  executable.store.write({ total: floatTensor([], Float32Array.of(1e-30)) });
  for (let i = 0; i < 50; i++) {
    const others = Array.from({ length: i % 10 }, () => Deno.stat("."));
    const { scaled } = await executable.run({ x: vector(1e-10, -1e-10) });
    assert.equal(scaled!.data[0], Math.fround(1e-40));
    await Promise.all(others);
  }
  executable.dispose();
});

Deno.test("more threads than any machine has are refused", () => {
  assert.equal(parseFlags(RUNTIME_FLAGS, ["--threads", "1024"]).threads, 1024);
  for (const threads of ["1025", "100000", "2147483648", "0"]) {
    assert.throws(() => parseFlags(RUNTIME_FLAGS, ["--threads", threads]), {
      kind: "usage",
      message: `Cannot read the command line: --threads must be from 1 to 1024, got ${threads}`,
    });
  }
});

Deno.test("createRuntime() suggests the nearest known runtime", async () => {
  await assert.rejects(createRuntime("onxx"), {
    kind: "usage",
    message: 'Cannot use runtime "onxx", did you mean "onnx"?',
  });
});

Deno.test("createRuntime() refuses options that a runtime has not", async () => {
  await assert.rejects(createRuntime("cpu", { threads: 2 }), {
    kind: "usage",
    message:
      'Cannot use runtime "cpu" with 2 threads: it has no such choice, leave --threads out ' +
      "or use --runtime native or onnx",
  });
  await assert.rejects(createRuntime("wasm", { arena: false }), {
    kind: "usage",
    message: 'Cannot use runtime "wasm": it has no option "arena"',
  });
  await assert.rejects(createRuntime("native", { arena: true }), { kind: "usage" });
  assert.equal((await createRuntime("cpu", { threads: 1 })).slots, 1);
});

Deno.test("createRuntime() says what to do when TensorFlow's library is not installed", async () => {
  await assert.rejects(createRuntime("tensorflow"), (error: unknown) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.kind, "unavailable");
    assert.match(error.message, /^Cannot use runtime "tensorflow": @tensorflow\/tfjs-node-gpu: /);
    assert.match(error.message, /or use --runtime onnx$/);
    return true;
  });
});

Deno.test("OnnxRuntimeLibrary names the library that does not load", () => {
  assert.throws(() => new OnnxRuntimeLibrary("/nowhere/libonnxruntime.so"), {
    kind: "unavailable",
    message: /^Cannot load ONNX Runtime from "\/nowhere\/libonnxruntime.so": .*choose another/,
  });
});

Deno.test("onnx: the same inputs give the same bytes, run after run", async () => {
  const x = vector(...Array.from({ length: 1000 }, (_, i) => Math.sin(i) / 3));
  const runs = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    const executable = await (await createRuntime("onnx", { threads: 2 })).prepare(COUNTER);
    executable.store.write({ total: floatTensor([]) });
    await executable.run({ x });
    runs.push((await executable.store.read())["total"]!.data[0]);
    executable.dispose();
  }
  assert.equal(new Set(runs).size, 1);
});
