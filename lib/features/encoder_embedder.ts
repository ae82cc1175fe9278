import type { Runtime } from "../compile/mod.ts";
import type { Encoder } from "../encoder/mod.ts";
import { featureProgram, PIXELS } from "../model/inference.ts";
import { type FloatTensor, floatTensor } from "../tensor.ts";
import type { Embedder } from "./embedder.ts";

/**
 * The features of an encoder: means over the tokens of its last layers, each through the final norm, side by side from
 * the earliest to the last (method.md section 6.1).
 *
 * @param layers how many of the last layers
 */
export async function encoderEmbedder(
  { config, preprocessing, weights }: Encoder,
  { runtime, layers }: { readonly runtime: Runtime; readonly layers: number },
): Promise<Embedder> {
  const executable = await runtime.prepare(featureProgram(config, layers));
  executable.write(weights);
  return {
    width: layers * config.width,
    preprocessing,
    description: runtime.description,
    async embed(images, rows) {
      const feeds = { [PIXELS]: floatTensor([rows, 3, ...config.imageSize], images) };
      const { features } = await executable.run(feeds);
      return (features as FloatTensor).data;
    },
    [Symbol.dispose]: () => executable.dispose(),
  };
}
