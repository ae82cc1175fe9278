import assert from "node:assert/strict";
import { boundingRadius, SHAPES, signedDistance } from "../../lib/scenes/shapes.ts";

for (const shape of SHAPES) {
  Deno.test(`signedDistance() makes a ${shape} of the area of a disc of diameter 1`, () => {
    const steps = 400;
    let inside = 0, farthest = 0;
    for (let i = 0; i < steps * steps; i++) {
      const x = 2 * ((i % steps) + 0.5) / steps - 1,
        y = 2 * (Math.floor(i / steps) + 0.5) / steps - 1;
      if (signedDistance(shape, [x, y]) >= 0) continue;
      inside++;
      farthest = Math.max(farthest, Math.hypot(x, y));
    }
    const area = 4 * inside / steps ** 2;
    // One row of the grid along the side of a square is 0.0045.
    assert.ok(Math.abs(area - Math.PI / 4) < 0.01, `area ${area}`);
    const radius = boundingRadius(shape);
    assert.ok(farthest <= radius && farthest > radius - 0.03, `${farthest} of ${radius}`);
  });
}

Deno.test("signedDistance() is the distance to the outline, negative inside", () => {
  const near = (got: number, wanted: number) => assert.ok(Math.abs(got - wanted) < 1e-12, `${got}`);
  near(signedDistance("circle", [0.3, 0.4]), 0);
  near(signedDistance("circle", [0, 0]), -0.5);
  const half = Math.sqrt(Math.PI) / 4; // Half the side of the square.
  near(signedDistance("square", [0, 0]), -half);
  near(signedDistance("square", [half + 0.3, half + 0.4]), 0.5);
  near(signedDistance("square", [half - 0.1, 0.2]), -0.1);
});
