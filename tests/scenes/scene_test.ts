import assert from "node:assert/strict";
import { drawScene, labelsOf, MAX_OBJECTS, visibleShare } from "../../lib/scenes/scene.ts";
import { boundingRadius, SHAPES } from "../../lib/scenes/shapes.ts";

const SCENES = Array.from({ length: 2000 }, (_, index) => drawScene({ seed: 7, index }));

Deno.test("drawScene() depends on the seed and the index alone", () => {
  assert.deepEqual(drawScene({ seed: 7, index: 3 }), SCENES[3]);
  const other = new Set(
    Array.from({ length: 2000 }, (_, index) => JSON.stringify(drawScene({ seed: 8, index }))),
  );
  assert.equal(other.size, 2000);
  assert.ok(SCENES.every((scene) => !other.has(JSON.stringify(scene))));
});

Deno.test("drawScene() keeps every object in the frame and visible, whole unless it fills the frame", () => {
  for (const { objects } of SCENES) {
    objects.forEach((object, i) => {
      const reach = Math.min(boundingRadius(object.shape) * object.diameter, 0.38);
      for (const center of [object.x, object.y]) {
        assert.ok(center - reach >= -1e-9 && center + reach <= 1 + 1e-9);
      }
      assert.ok(visibleShare(object, objects.slice(i + 1)) >= 0.6);
      if (i > 0) assert.ok(object.distance <= objects[i - 1]!.distance);
    });
  }
});

Deno.test("drawScene() gives no two objects, and none and the wall, colours that could be confused", () => {
  for (const { objects, background } of SCENES) {
    for (const [i, { color: a }] of objects.entries()) {
      for (const b of [...background.tones, ...objects.slice(0, i).map(({ color }) => color)]) {
        assert.ok(Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) >= 60);
      }
    }
  }
});

Deno.test("drawScene() shrinks objects with their distance", () => {
  for (const { objects } of SCENES) {
    for (const { diameter, distance } of objects) {
      assert.ok(Math.abs(diameter * distance / 0.75 - 1) <= 0.05 + 1e-9);
    }
  }
});

Deno.test("labelsOf() names the nearest object; the labels are balanced and unrelated", () => {
  const labels = SCENES.map(labelsOf);
  labels.forEach(({ shape, objects, distance }, i) => {
    const scene = SCENES[i]!;
    const nearest = scene.objects.reduce((a, b) => a.distance < b.distance ? a : b);
    assert.deepEqual([shape, objects, distance], [
      nearest.shape,
      scene.objects.length,
      nearest.distance,
    ]);
    assert.ok(distance >= 1 && distance < 2);
  });
  // Within five standard deviations of a uniform draw.
  for (const shape of SHAPES) {
    const share = labels.filter((label) => label.shape === shape).length / labels.length;
    assert.ok(Math.abs(share - 1 / 6) < 5 * Math.sqrt(5 / 36 / 2000), `${shape} ${share}`);
  }
  for (let count = 1; count <= MAX_OBJECTS; count++) {
    const distances = labels.filter(({ objects }) => objects === count).map((l) => l.distance);
    assert.ok(Math.abs(distances.length / 2000 - 0.25) < 5 * Math.sqrt(3 / 16 / 2000));
    const mean = distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
    assert.ok(
      Math.abs(mean - 1.5) < 5 * Math.sqrt(1 / 12 / distances.length),
      `${count} ${mean}`,
    );
  }
});
