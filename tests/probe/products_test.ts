import fc from "fast-check";
import { gramMatrix, PLAIN_PRODUCTS } from "../../lib/probe/products.ts";
import { assertNear } from "./near.ts";

const size = (max: number) => fc.integer({ min: 1, max });

/** Values that differ from place to place, -8 to 8. */
function pattern(count: number, step: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * step) % 17 - 8);
}

Deno.test("PLAIN_PRODUCTS.project() is the product of features and transposed weights", () => {
  fc.assert(
    fc.property(size(13), size(9), size(11), (rows, width, outputs) => {
      const features = Float32Array.from(pattern(rows * width, 5));
      const weights = Float64Array.from(pattern(outputs * width, 7));
      const scores = new Float64Array(rows * outputs).fill(99);
      PLAIN_PRODUCTS.project({ features, weights, scores, rows, width, outputs });
      const wanted = scores.map((_, at) => {
        const row = Math.floor(at / outputs), output = at % outputs;
        let sum = 0;
        for (let d = 0; d < width; d++) {
          sum += features[row * width + d]! * weights[output * width + d]!;
        }
        return sum;
      });
      assertNear(scores, wanted, { tolerance: 0 });
    }),
  );
});

Deno.test("PLAIN_PRODUCTS.accumulate() adds the product of transposed errors and features", () => {
  fc.assert(
    fc.property(size(13), size(9), size(11), (rows, width, outputs) => {
      const features = Float32Array.from(pattern(rows * width, 5));
      const errors = Float64Array.from(pattern(rows * outputs, 3));
      const sums = Float64Array.from(pattern(outputs * width, 11));
      const wanted = sums.map((before, at) => {
        const output = Math.floor(at / width), d = at % width;
        let sum = before;
        for (let row = 0; row < rows; row++) {
          sum += errors[row * outputs + output]! * features[row * width + d]!;
        }
        return sum;
      });
      PLAIN_PRODUCTS.accumulate({ features, errors, sums, rows, width, outputs });
      assertNear(sums, wanted, { tolerance: 0 });
    }),
  );
});

Deno.test("gramMatrix() sums over more rows than one block holds", () => {
  const width = 3, rows = 1100;
  const features = Float32Array.from(pattern(rows * width, 5));
  const wanted = Float64Array.from({ length: width * width }, (_, at) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      sum += features[row * width + Math.floor(at / width)]! * features[row * width + at % width]!;
    }
    return sum;
  });
  assertNear(gramMatrix(features, width), wanted, { tolerance: 0 });
});
