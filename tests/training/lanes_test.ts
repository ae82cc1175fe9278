/** What lanes leave of their parts adds up to what the update needs of the batch. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { masksOfImages } from "../../lib/model/masks.ts";
import { floatTensor, sizeOf } from "../../lib/tensor.ts";
import { createExchange } from "../../lib/training/exchange.ts";
import {
  GRADIENT,
  laneShapes,
  lanesOf,
  nameInLane,
  partFeeds,
  POOLED,
  shapesInLanes,
} from "../../lib/training/lanes.ts";
import { stateShapes } from "../../lib/training/state.ts";
import { batchFeeds, gradientProgram, specsOf } from "../../lib/training/step.ts";
import { relativeError } from "../compare.ts";
import { runtimesNamed, testOn, type Tried } from "../runtimes.ts";
import { floats } from "./forward.ts";
import { CONFIG, inputOfStep, MODEL, startOf } from "./small_step.ts";

const BATCH = 8;
const { images, masks } = inputOfStep(0, BATCH);
const SHAPES = laneShapes({ model: MODEL, batch: BATCH });

/** What all lanes leave of a batch, added up. */
async function sumsOf(
  tried: Tried,
  { lanes, accumulate }: { readonly lanes: number; readonly accumulate: number },
): Promise<Readonly<Record<string, Float32Array>>> {
  const config = { ...CONFIG, batch: BATCH, accumulate, lanes };
  const shapes = shapesInLanes(SHAPES, lanes);
  const runtime = await tried.create({ threads: 1 });
  using store = runtime.store(specsOf({ ...stateShapes(MODEL), ...shapes }));
  store.write(startOf(CONFIG));
  // What the lanes have left of a step before must not count.
  store.write(Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      floatTensor(shape, new Float32Array(sizeOf(shape)).fill(7)),
    ]),
  ));
  const program = gradientProgram(config), count = BATCH / accumulate / lanes;
  for (let lane = 0; lane < lanes; lane++) {
    const executable = await runtime.prepare(program, { store, nameOf: nameInLane(lane) });
    for (let round = 0; round < accumulate; round++) {
      const first = (round * lanes + lane) * count, length = images.length / BATCH;
      const results = await executable.run({
        ...batchFeeds(
          images.subarray(first * length, (first + count) * length),
          masksOfImages(masks, { first, count, blocks: CONFIG.targetBlocks }),
          config,
        ),
        ...partFeeds({ round, lane }, config),
      });
      assert.deepEqual(Object.keys(results), ["loss"], "all else stays in the store");
    }
    executable.dispose();
  }
  using exchange = await createExchange(runtime, { store, shapes: SHAPES, lanes });
  await exchange.sum();
  const sums = await store.read();
  return Object.fromEntries(
    Object.keys(SHAPES).map((name) => [name, floats(sums[nameInLane(0)(name)])]),
  );
}

for (const tried of runtimesNamed("cpu", "onnx", "native")) {
  testOn(tried, "lanes leave the gradients and the pooled targets of a batch", async () => {
    const whole = await sumsOf(tried, { lanes: 1, accumulate: 1 });
    for (const [lanes, accumulate] of [[2, 1], [1, 4], [2, 2]] as const) {
      const where = `${lanes} lanes, ${accumulate} rounds`;
      const sums = await sumsOf(tried, { lanes, accumulate });
      for (const [name, sum] of Object.entries(sums)) {
        const parts = name.startsWith(GRADIENT) ? lanes * accumulate : 1;
        // The gradient of the keys' bias is 0, but for rounding.
        if (name.endsWith("qkv.bias")) continue;
        const error = relativeError(sum.map((value) => value / parts), whole[name]!);
        assert.ok(error < 1e-5, `${where}: ${name} off by ${error}`);
      }
    }
    const { encoder: { width } } = MODEL, pooled = whole[POOLED]!;
    const rows = Array.from(
      { length: BATCH },
      (_, row) => pooled.slice(row * width, (row + 1) * width),
    );
    assert.equal(new Set(rows.map(String)).size, BATCH, "each row is another image's");
  });
}

Deno.test("lanesOf() gives each lane as many images, and no more lanes than there are slots", () => {
  assert.equal(lanesOf(2, 8), 2);
  assert.equal(lanesOf(3, 8), 2);
  assert.equal(lanesOf(8, 2), 2);
  assert.equal(lanesOf(3, 7), 1);
  const counts = fc.integer({ min: 1, max: 64 });
  fc.assert(fc.property(counts, counts, (slots, images) => {
    const lanes = lanesOf(slots, images);
    assert.ok(lanes <= slots && images % lanes === 0);
    for (let more = lanes + 1; more <= slots; more++) assert.ok(images % more !== 0);
  }));
});
