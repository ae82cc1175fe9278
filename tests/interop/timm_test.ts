import { join } from "node:path";
import { readEncoderSettings } from "../../lib/encoder/mod.ts";
import { withFolder } from "../folder.ts";
import { exportEncoder, ourOutputs, randomPixels } from "./encoders.ts";
import { expectNear, handedBack, handOver, python, testWithPython } from "./programs.ts";

testWithPython(
  "timm: VisionTransformer takes target_encoder.* of a checkpoint by its names and gives our output",
  async () => {
    await withFolder(async (folder) => {
      const { encoder, state } = await exportEncoder(folder);
      const pixels = randomPixels((await readEncoderSettings(encoder)).config.imageSize);
      const given = await handOver(folder, "pixels", { pixel_values: pixels });
      const out = join(folder, "timm.safetensors");
      await python("timm_encode", state, encoder, given, out);
      const got = await handedBack(out);
      const { tokens, pooled } = await ourOutputs(encoder, pixels);
      expectNear("forward_features()", got["last_hidden_state"]!.data as Float32Array, tokens.data);
      expectNear("forward()", got["pooler_output"]!.data as Float32Array, pooled.data);
    });
  },
);
