/** The runtime on TensorFlow.js's WebAssembly backend. */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import type { Runtime } from "../compile/mod.ts";
import { createEagerRuntime } from "./eager.ts";

const KERNEL = { kernelName: "BatchMatMul", backendName: "wasm" } as const;

/**
 * This backend has a fast kernel (XNNPACK) for plain products only; transposed ones are 5 to 30 times slower
 * (docs/architecture.md, TensorFlow.js under Deno). So its kernel is wrapped: operands are transposed first.
 */
function transposeBeforeProducts(): void {
  const plain = tf.getKernel(KERNEL.kernelName, KERNEL.backendName);
  const transpose = tf.getKernel("Transpose", KERNEL.backendName);
  const swapped = (x: tf.TensorInfo, backend: object): tf.TensorInfo => {
    const axes = x.shape.map((_, axis) => axis);
    const perm = [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!];
    return transpose.kernelFunc({ inputs: { x }, attrs: { perm }, backend }) as tf.TensorInfo;
  };
  tf.unregisterKernel(KERNEL.kernelName, KERNEL.backendName);
  tf.registerKernel({
    ...KERNEL,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { transposeA, transposeB } = attrs as unknown as Record<string, boolean>;
      const a = transposeA ? swapped(inputs["a"]!, backend) : inputs["a"]!;
      const b = transposeB ? swapped(inputs["b"]!, backend) : inputs["b"]!;
      const product = plain.kernelFunc({
        inputs: { a, b },
        attrs: { transposeA: false, transposeB: false },
        backend,
      });
      const memory = backend as tf.KernelBackend;
      if (transposeA) memory.disposeData(a.dataId as object);
      if (transposeB) memory.disposeData(b.dataId as object);
      return product;
    },
  });
}

/** TensorFlow.js on WebAssembly, one thread: needs nothing, suits smoke runs. */
export async function createWasmRuntime(): Promise<Runtime> {
  const runtime = await createEagerRuntime("wasm", {
    name: "wasm",
    description: `TensorFlow.js ${tf.version_core}, WebAssembly, 1 thread, eager`,
  });
  transposeBeforeProducts();
  return runtime;
}
