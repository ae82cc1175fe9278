/** The exchange between lanes against sums in plain JavaScript, bit for bit. */

import assert from "node:assert/strict";
import { type FloatTensor, floatTensor, sizeOf } from "../../lib/tensor.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { createExchange } from "../../lib/training/exchange.ts";
import { laneShapes, nameInLane, shapesInLanes } from "../../lib/training/lanes.ts";
import { specsOf } from "../../lib/training/step.ts";
import { NATIVE, runtimesNamed, testOn } from "../runtimes.ts";
import { floats } from "./forward.ts";
import { MODEL } from "./small_step.ts";

const SHAPES = laneShapes({ model: MODEL, batch: 4 });

/** Values of different size, so that the order of adding shows in the last bits. */
function drawn(shape: readonly number[], step: number): FloatTensor {
  const random = new RandomStream({ seed: 4, purpose: "test lanes", step });
  return floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal() * 10 ** random.normal()),
  );
}

for (const tried of runtimesNamed("cpu", "onnx", "native")) {
  testOn(tried, "an exchange adds lane after lane, in place", async () => {
    const runtime = await tried.create({ threads: 2 });
    for (const lanes of [1, 2, 3, 5]) {
      const shapes = shapesInLanes(SHAPES, lanes);
      using store = runtime.store(specsOf(shapes));
      const given = Object.fromEntries(
        Object.entries(shapes).map(([name, shape], i) => [name, drawn(shape, i)]),
      );
      store.write(given);
      using exchange = await createExchange(runtime, { store, shapes: SHAPES, lanes });
      await exchange.sum();
      const left = await store.read();
      for (const name of Object.keys(SHAPES)) {
        const values = Array.from({ length: lanes }, (_, lane) => given[nameInLane(lane)(name)]!);
        const wanted = values.map(({ data }) => data)
          .reduce((sum, each) => sum.map((value, i) => value + each[i]!));
        assert.deepEqual(floats(left[nameInLane(0)(name)]), wanted, `${name} of ${lanes} lanes`);
        for (let lane = 1; lane < lanes; lane++) {
          assert.deepEqual(floats(left[nameInLane(lane)(name)]), values[lane]!.data);
        }
      }
    }
  });
}

testOn(
  NATIVE,
  "an exchange needs no memory besides the store, and nothing at all for one lane",
  async () => {
    const runtime = await NATIVE.create({ threads: 2 });
    for (const lanes of [1, 2]) {
      using store = runtime.store(specsOf(shapesInLanes(SHAPES, lanes)));
      using exchange = await createExchange(runtime, { store, shapes: SHAPES, lanes });
      const { programBytes, workBytes } = exchange.reserve()!;
      assert.equal(workBytes, 0);
      assert.equal(programBytes > 0, lanes > 1);
    }
  },
);
