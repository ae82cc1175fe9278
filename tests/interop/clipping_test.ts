import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { RandomStream } from "../../lib/random/mod.ts";
import { floatTensor, sizeOf, type TensorRecord } from "../../lib/tensor.ts";
import { clippingFactor, globalNorm, squaredNorm } from "../../lib/training/update.ts";
import { withFolder } from "../folder.ts";
import { expectNear, handedBack, handOver, python, testWithPython } from "./programs.ts";

const SHAPES = {
  "encoder.a": [24, 3, 4, 4],
  "encoder.b": [24],
  "predictor.c": [1, 1, 16],
} as const;

function drawGradients(): TensorRecord {
  return Object.fromEntries(
    Object.entries(SHAPES).map(([name, shape]) => {
      const random = new RandomStream({ seed: 4, purpose: name });
      return [
        name,
        floatTensor(shape, Float32Array.from({ length: sizeOf(shape) }, () => random.normal())),
      ];
    }),
  );
}

testWithPython("gradients are clipped as torch.nn.utils.clip_grad_norm_ does", async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
  const gradients = drawGradients();
  const tensors = Object.fromEntries(
    Object.entries(gradients).map(([name, { shape, data }]) => [
      name,
      tf.tensor(data as Float32Array, [...shape]),
    ]),
  );
  const norm = globalNorm(Object.values(tensors).map(squaredNorm));
  await withFolder(async (folder) => {
    const given = await handOver(folder, "gradients", gradients);
    for (const limit of [0.5, 1000]) {
      const out = join(folder, `clipped-${limit}.safetensors`);
      await python("torch_clip", given, String(limit), out);
      const wanted = await handedBack(out);
      const [theirs] = wanted["norm"]!.data as Float32Array as unknown as [number];
      expectNear("norm", [norm.dataSync()[0]! / theirs], [1], 1e-6);
      const factor = clippingFactor(norm, limit);
      for (const [name, tensor] of Object.entries(tensors)) {
        const ours = tf.mul(tensor, factor).dataSync();
        expectNear(`${name} at ${limit}`, ours, wanted[name]!.data as Float32Array, 1e-6);
      }
    }
  });
});
