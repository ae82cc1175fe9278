import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure } from "../../lib/failure.ts";
import { epochOfStep, imagesOfStep, stepsPerEpochOf } from "../../lib/training/order.ts";

Deno.test("imagesOfStep() shows every image once an epoch, save those that fill no batch", () => {
  const settings = fc.record({
    seed: fc.nat(),
    images: fc.integer({ min: 1, max: 60 }),
    batch: fc.integer({ min: 1, max: 9 }),
    epoch: fc.nat({ max: 1000 }),
  }).filter(({ images, batch }) => images >= batch);
  fc.assert(fc.property(settings, ({ epoch, ...order }) => {
    const steps = stepsPerEpochOf(order);
    assert.equal(steps, Math.floor(order.images / order.batch));
    const seen = new Set<number>();
    for (let step = epoch * steps; step < (epoch + 1) * steps; step++) {
      assert.equal(epochOfStep(order, step), epoch);
      const images = imagesOfStep(order, step);
      assert.equal(images.length, order.batch);
      for (const image of images) {
        assert.ok(image < order.images);
        seen.add(image);
      }
    }
    assert.equal(seen.size, steps * order.batch);
  }));
});

Deno.test("imagesOfStep() depends on nothing but seed and step", () => {
  const order = { seed: 3, images: 50, batch: 8 };
  const forward = Array.from({ length: 13 }, (_, step) => [...imagesOfStep(order, step)]);
  for (let step = 12; step >= 0; step--) {
    imagesOfStep({ ...order, seed: 4 }, step);
    assert.deepEqual([...imagesOfStep(order, step)], forward[step]);
  }
  // Epochs differ in order, and so do seeds.
  assert.notDeepEqual(forward[0], forward[6]);
  assert.notDeepEqual([...imagesOfStep({ ...order, seed: 4 }, 0)], forward[0]);
  // Frozen: a change here changes every run.
  assert.deepEqual(forward[0], [11, 43, 1, 6, 46, 20, 26, 40]);
});

Deno.test("imagesOfStep() returns its own copy", () => {
  const order = { seed: 3, images: 50, batch: 8 };
  const wanted = [...imagesOfStep(order, 0)];
  imagesOfStep(order, 0).fill(0);
  assert.deepEqual([...imagesOfStep(order, 0)], wanted);
});

Deno.test("stepsPerEpochOf() refuses fewer images than one batch", () => {
  const refusal = (images: number) => {
    try {
      stepsPerEpochOf({ images, batch: 128 });
    } catch (error) {
      assert.ok(error instanceof Failure && error.kind === "usage");
      return error.message;
    }
  };
  assert.equal(
    refusal(40),
    "Cannot fill a batch: run.batch is 128, but the shards hold 40 training images, " +
      "set --batch to at most 40 or add images",
  );
  assert.equal(
    refusal(1),
    "Cannot fill a batch: run.batch is 128, but the shards hold 1 training image, " +
      "set --batch to at most 1 or add images",
  );
  assert.equal(
    refusal(0),
    "Cannot fill a batch: run.batch is 128, but the shards hold no training images, add images",
  );
});
