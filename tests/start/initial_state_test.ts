import assert from "node:assert/strict";
import type { ModelConfig } from "../../lib/model/config.ts";
import { drawInitialState } from "../../lib/start/mod.ts";
import { initialState } from "../../lib/training/state.ts";

const START = { seed: 3, initStd: 0.02, patchEmbedStd: 0.1 };

/** Of about 24 x width^2 + 12 x 64^2 weights. */
function model(width: number): ModelConfig {
  return {
    encoder: {
      imageSize: [32, 32],
      patchSize: 8,
      width,
      depth: 2,
      heads: 4,
      mlpWidth: 4 * width,
    },
    predictor: { width: 64, outputWidth: width, depth: 1, heads: 4, mlpWidth: 256 },
  };
}

for (const { threads, width } of [{ threads: 3, width: 384 }, { threads: 2, width: 64 }]) {
  Deno.test(`drawInitialState() on up to ${threads} threads draws a width of ${width} as one thread does`, async () => {
    const wanted = initialState(model(width), START);
    const got = await drawInitialState(model(width), START, threads);
    assert.deepEqual(Object.keys(got), Object.keys(wanted));
    assert.deepEqual(got, wanted);
    // Target encoder and encoder are one memory, as there.
    assert.equal(
      got["target_encoder.norm.weight"]!.data.buffer,
      got["encoder.norm.weight"]!.data.buffer,
    );
  });
}
