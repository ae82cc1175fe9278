/** Embeds a batch of images again and again: `process.ts FOLDER THREADS WARM_UP TIMED`. */
import { join } from "node:path";
import { readEncoder } from "../../lib/encoder/mod.ts";
import { encoderEmbedder } from "../../lib/features/encoder_embedder.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { measure } from "../measured.ts";

const [folder, ...numbers] = Deno.args as [string, ...string[]];
const [threads, warmUp, timed] = numbers.map(Number) as [number, number, number];
const runtime = await createRuntime("auto", { threads });
const embedder = await encoderEmbedder(await readEncoder(folder), { runtime, layers: 1 });
const { tensors } = await readSafetensors(join(folder, "images.safetensors"));
const { shape, data } = tensors["images"]!;

await measure(async () => {
  const features = await embedder.embed(data as Float32Array<ArrayBuffer>, shape[0]!);
  return features.reduce((sum, value) => sum + Math.abs(value), 0) / features.length;
}, { warmUp, timed, library: runtime.description });
