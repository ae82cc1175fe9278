import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { pool } from "../../lib/model/pooling.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { withFolder } from "../folder.ts";
import { expectNear, handedBack, handOver, python, testWithPython } from "./programs.ts";

const BATCH = 3, WIDTH = 8;
const GRIDS = [[3, 3], [4, 5], [7, 7], [8, 8], [9, 13], [14, 14], [16, 16]] as const;

testWithPython("PyTorch: adaptive_avg_pool2d has the regions of --pool", async () => {
  await tf.setBackend("cpu");
  const random = new RandomStream({ seed: 5, purpose: "tokens" });
  const images = GRIDS.map((grid) => {
    const tokens = floatTensor([BATCH, ...grid, WIDTH]);
    for (let i = 0; i < tokens.data.length; i++) tokens.data[i] = random.normal();
    return { grid, name: grid.join("x"), tokens };
  });
  await withFolder(async (folder) => {
    const named = Object.fromEntries(images.map(({ name, tokens }) => [name, tokens]));
    const given = await handOver(folder, "tokens", named);
    const out = join(folder, "pooled.safetensors");
    for (const [pooling, regions] of [["2x2", "2"], ["3x3", "3"]] as const) {
      await python("adaptive_pool", given, out, regions);
      const there = await handedBack(out);
      for (const { grid, name, tokens: { data } } of images) {
        const pooled = tf.tidy(() => {
          const tokens = tf.tensor3d(data, [BATCH, grid[0] * grid[1], WIDTH]);
          return pool(tokens, grid, pooling).dataSync();
        });
        const wanted = there[name]!.data as Float32Array;
        expectNear(`${pooling} of ${name}`, pooled as Float32Array, wanted, 1e-6);
      }
    }
  });
});
