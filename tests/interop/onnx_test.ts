import assert from "node:assert/strict";
import { join } from "node:path";
import { readEncoder, writeOnnx } from "../../lib/encoder/mod.ts";
import { withFolder } from "../folder.ts";
import { exportEncoder, ourOutputs, randomPixels } from "./encoders.ts";
import { expectNear, handedBack, handOver, python, testWithPython } from "./programs.ts";

/** Checks and runs a model in Python, one image and several. @returns how many tensors lie outside of the file */
async function expectSameOutput(folder: string, encoder: string, model: string): Promise<number> {
  let outside = -1;
  for (const count of [1, 5]) {
    const pixels = randomPixels((await readEncoder(encoder)).config.imageSize, count);
    const given = await handOver(folder, "pixels", { pixel_values: pixels });
    const out = join(folder, "onnx.safetensors");
    const { domains, external } = JSON.parse(await python("onnx_run", model, given, out));
    assert.deepEqual(domains, [""]);
    const got = await handedBack(out);
    const { tokens, pooled } = await ourOutputs(encoder, pixels);
    expectNear("last_hidden_state", got["last_hidden_state"]!.data as Float32Array, tokens.data);
    expectNear("pooler_output", got["pooler_output"]!.data as Float32Array, pooled.data);
    outside = external;
  }
  return outside;
}

testWithPython(
  "ONNX: the exported model passes the checker and gives our output in ONNX Runtime",
  async () => {
    await withFolder(async (folder) => {
      const { encoder } = await exportEncoder(folder);
      const outside = await expectSameOutput(folder, encoder, join(encoder, "onnx/model.onnx"));
      assert.equal(outside, 0);
    });
  },
);

testWithPython("ONNX: a model with its weights in a second file does the same", async () => {
  await withFolder(async (folder) => {
    const { encoder } = await exportEncoder(folder);
    const large = join(folder, "large");
    await Deno.mkdir(large);
    await writeOnnx(large, await readEncoder(encoder), { largestInsideBytes: 20_000 });
    const outside = await expectSameOutput(folder, encoder, join(large, "onnx/model.onnx"));
    assert.ok(outside > 10, `${outside} tensors outside`);
  });
});
