import assert from "node:assert/strict";
import type { Runtime } from "../../lib/compile/mod.ts";
import type { Encoder, EncoderWeights } from "../../lib/encoder/mod.ts";
import { encoderEmbedder } from "../../lib/features/mod.ts";
import { PIXELS } from "../../lib/model/inference.ts";
import { encoderShapes, initialise } from "../../lib/model/parameters.ts";
import { POSITIONS, positionTable } from "../../lib/model/positions.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";

/** An encoder of one layer and patches of one pixel. */
function encoderOf(side: number, heads: number): Encoder {
  const config = {
    imageSize: [side, side],
    patchSize: 1,
    width: 4 * heads,
    depth: 1,
    heads,
    mlpWidth: 4,
  } as const;
  const drawn = { seed: 1, initStd: 0.5, patchEmbedStd: 0.5 };
  return {
    config,
    preprocessing: {
      resize: "stretch",
      size: [side, side],
      filter: "bicubic",
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    weights: {
      [POSITIONS]: positionTable(config),
      ...initialise(encoderShapes(config), "encoder", drawn),
    } as EncoderWeights,
    network: "target",
  };
}

/** The runtime, and how many images each run of its programs was given. */
function counting(runtime: Runtime): { readonly runtime: Runtime; readonly counts: number[] } {
  const counts: number[] = [];
  const prepare: Runtime["prepare"] = async (...given) => {
    const executable = await runtime.prepare(...given);
    const run = executable.run.bind(executable);
    executable.run = (feeds) => {
      counts.push(feeds[PIXELS]!.shape[0]!);
      return run(feeds);
    };
    return executable;
  };
  return { runtime: { ...runtime, prepare }, counts };
}

Deno.test("encoderEmbedder() embeds many large images in parts, to the same values", async () => {
  const { runtime, counts } = counting(await createRuntime("onnx"));
  const side = 64, rows = 10, values = 3 * side * side;
  using embedder = await encoderEmbedder(encoderOf(side, 1), { runtime, layers: 1 });
  const images = Float32Array.from({ length: rows * values }, (_, i) => Math.sin(i * i));
  const together = await embedder.embed(images, rows);
  assert.deepEqual(counts, [8, 2]); // 67 MB each.
  for (const row of [0, 7, 8, 9]) {
    const alone = await embedder.embed(images.slice(row * values, (row + 1) * values), 1);
    const difference = alone.map((value, i) => Math.abs(value - together[row * 4 + i]!));
    assert.ok(Math.max(...difference) < 1e-5, `row ${row}: ${difference}`);
  }
});

Deno.test("encoderEmbedder() refuses images whose attention is beyond memory", async () => {
  const runtime = await createRuntime("onnx");
  await assert.rejects(encoderEmbedder(encoderOf(128, 2), { runtime, layers: 1 }), {
    kind: "usage",
    message: "Cannot make features: the attention in an image of 128x128 pixels takes 2.1 GB in " +
      "each layer, wanted at most 1.1, lower --image-size",
  });
});
