import assert from "node:assert/strict";
import { decodeImage } from "../../lib/images/decode.ts";
import { sha256 } from "../../lib/files/mod.ts";
import { encodeScene, renderScene } from "../../lib/scenes/mod.ts";
import type { Scene, SceneObject } from "../../lib/scenes/scene.ts";
import { drawScene, PATTERNS } from "../../lib/scenes/scene.ts";

const WALL: Scene["background"] = {
  pattern: "gradient",
  tones: [[100, 100, 100], [100, 100, 100]],
  period: 0.2,
  angle: 0,
  noiseSeed: 1,
};
const DISC: SceneObject = {
  shape: "circle",
  color: [200, 40, 20],
  x: 0.5,
  y: 0.5,
  diameter: 0.5,
  turn: 0,
  distance: 1,
};

function pixel(pixels: Uint8Array, size: number, [x, y]: readonly [number, number]): number[] {
  return [...pixels.subarray(3 * (y * size + x), 3 * (y * size + x) + 3)];
}

Deno.test("renderScene() paints near objects over far ones, and far ones paler", () => {
  const far: SceneObject = { ...DISC, color: [20, 40, 200], distance: 3, diameter: 0.9 };
  const pixels = renderScene({ objects: [far, DISC], background: WALL }, 65);
  // At the centre the light is 1: the colour itself.
  assert.deepEqual(pixel(pixels, 65, [32, 32]), [200, 40, 20]);
  assert.deepEqual(pixel(pixels, 65, [0, 0]), [100, 100, 100]);
  // On the other diagonal the light is 1 as well: 65 % of the colour, 35 % of the wall.
  assert.deepEqual(pixel(pixels, 65, [46, 18]), [48, 61, 165]);
});

Deno.test("renderScene() lights objects from the upper left", () => {
  const pixels = renderScene({ objects: [DISC], background: WALL }, 65);
  const [upperLeft, middle, lowerRight] = ([[26, 26], [32, 32], [38, 38]] as const)
    .map((at) => pixel(pixels, 65, at)[0]!);
  assert.ok(upperLeft! > middle! && middle! > lowerRight!);
});

Deno.test("renderScene() covers the right area, at any size", () => {
  for (const size of [32, 128]) {
    const object = { ...DISC, color: [255, 0, 0] as const, turn: 0.2 };
    const area = (shape: SceneObject["shape"]) => {
      const pixels = renderScene({ objects: [{ ...object, shape }], background: WALL }, size);
      let covered = 0;
      for (let i = 2; i < pixels.length; i += 3) covered += 1 - pixels[i]! / 100;
      return covered / size ** 2;
    };
    for (const shape of ["circle", "star", "cross", "triangle"] as const) {
      assert.ok(
        Math.abs(area(shape) - Math.PI / 16) < 0.006,
        `${shape} at ${size}: ${area(shape)}`,
      );
    }
  }
});

Deno.test("renderScene() gives known bytes for every pattern", () => {
  const known = {
    gradient: [2, "2d4590530da4"],
    stripes: [9, "5b26fba895ae"],
    checks: [0, "00ef8613f5c4"],
    dots: [3, "25553ab7e3e6"],
    noise: [4, "415e0e45550f"],
  } as const;
  for (const pattern of PATTERNS) {
    const [index, hash] = known[pattern];
    const scene = drawScene({ seed: 0, index });
    assert.equal(scene.background.pattern, pattern);
    assert.equal(sha256(renderScene(scene, 32)).slice(0, 12), hash);
  }
});

Deno.test("encodeScene() keeps the picture within JPEG's loss", async () => {
  const pixels = renderScene(drawScene({ seed: 0, index: 0 }), 64);
  const { width, height, data } = await decodeImage(await encodeScene(pixels, 64));
  assert.deepEqual([width, height], [64, 64]);
  const worst = data.reduce((sum, value, i) => sum + Math.abs(value - pixels[i]!), 0) / data.length;
  assert.ok(worst < 4, `mean difference ${worst}`);
});
