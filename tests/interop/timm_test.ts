import { join } from "node:path";
import { readEncoderSettings } from "../../lib/encoder/mod.ts";
import { prefixed } from "../../lib/tensor.ts";
import { withFolder } from "../folder.ts";
import { exportEncoder, ourOutputs, randomPixels, writeRegistered } from "./encoders.ts";
import { expectNear, handedBack, handOver, python, testWithPython } from "./programs.ts";

/** Runs the target encoder of a state in timm, and the exported directory here. */
async function expectSameOutput(folder: string, encoder: string, state: string): Promise<void> {
  const pixels = randomPixels((await readEncoderSettings(encoder)).config.imageSize);
  const given = await handOver(folder, "pixels", { pixel_values: pixels });
  const out = join(folder, "timm.safetensors");
  await python("timm_encode", state, encoder, given, out);
  const got = await handedBack(out);
  const { tokens, pooled } = await ourOutputs(encoder, pixels);
  expectNear("forward_features()", got["last_hidden_state"]!.data as Float32Array, tokens.data);
  expectNear("forward()", got["pooler_output"]!.data as Float32Array, pooled.data);
}

testWithPython(
  "timm: VisionTransformer takes target_encoder.* of a checkpoint by its names and gives our output",
  async () => {
    await withFolder(async (folder) => {
      const { encoder, state } = await exportEncoder(folder);
      await expectSameOutput(folder, encoder, state);
    });
  },
);

testWithPython(
  "timm: VisionTransformer with reg_tokens gives our output with registers",
  async () => {
    await withFolder(async (folder) => {
      const directory = join(folder, "encoder");
      const { weights } = await writeRegistered(directory);
      const state = await handOver(folder, "state", prefixed("target_encoder.", weights));
      await expectSameOutput(folder, directory, state);
    });
  },
);
