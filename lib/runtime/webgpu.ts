/** The runtime on TensorFlow.js's WebGPU backend. */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-webgpu";
import type { Runtime } from "../compile/mod.ts";
import { Failure } from "../failure.ts";
import { createEagerRuntime } from "./eager.ts";

/** Drivers that compute on the CPU. */
const SOFTWARE = /llvmpipe|lavapipe|softpipe|swiftshader|software|basic render/i;

/**
 * TensorFlow.js on WebGPU.
 *
 * @param allowSoftware take an adapter that computes on the CPU too
 * @throws {Failure} `unavailable`: no adapter, or a software one without `allowSoftware`
 */
export async function createWebGpuRuntime(
  { allowSoftware }: { readonly allowSoftware: boolean },
): Promise<Runtime> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) {
    throw new Failure(
      "unavailable",
      `Cannot use runtime "webgpu": this machine shows no GPU adapter, install its Vulkan driver ` +
        `or use --runtime onnx`,
    );
  }
  const { vendor, architecture, device, description } = adapter.info;
  const label = [vendor, architecture, device, description].filter(Boolean).join(" ") || "unnamed";
  if (SOFTWARE.test(label) && !allowSoftware) {
    throw new Failure(
      "unavailable",
      `Cannot use runtime "webgpu": the adapter "${label}" is a software renderer, ` +
        `use --runtime onnx, or --runtime webgpu-software to take it all the same`,
    );
  }
  const runtime = await createEagerRuntime("webgpu", {
    name: "webgpu",
    description: `TensorFlow.js ${tf.version_core}, WebGPU on ${label}, eager`,
  });
  stopOnDeviceErrors();
  return runtime;
}

/** Without a listener an oversized tensor silently holds zeros (docs/architecture.md, TensorFlow.js under Deno). */
function stopOnDeviceErrors(): void {
  const { device } = tf.backend() as unknown as { device: EventTarget };
  device.addEventListener("uncapturederror", (event) => {
    const { error } = event as Event & { error: Error };
    throw new Error(`WebGPU: ${error.message}`);
  });
}
