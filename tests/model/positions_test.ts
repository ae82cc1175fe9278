import assert from "node:assert/strict";
import { resizePositions, sinCosPositions } from "../../lib/model/positions.ts";
import { floatTensor } from "../../lib/tensor.ts";

function closeTo(got: Iterable<number>, wanted: readonly number[], tolerance = 1e-7): void {
  const values = [...got];
  assert.equal(values.length, wanted.length);
  values.forEach((value, i) =>
    assert.ok(Math.abs(value - wanted[i]!) < tolerance, `${i}: ${value}`)
  );
}

/** Golden values of docs/method.md section 2.1, read from the official code. */
Deno.test("sinCosPositions() has the official table: columns first, then rows", () => {
  const table = sinCosPositions([4, 4], 16);
  const x1 = [
    0.841470985,
    0.099833417,
    0.009999833,
    0.001,
    0.540302306,
    0.995004165,
    0.99995,
    0.9999995,
  ];
  const zero = [0, 0, 0, 0, 1, 1, 1, 1];
  closeTo(table.subarray(16, 32), [...x1, ...zero]);
  closeTo(table.subarray(64, 80), [...zero, ...x1]);
  closeTo(table.subarray(7 * 16, 7 * 16 + 8), [
    0.141120008,
    0.295520207,
    0.0299955,
    0.002999996,
    -0.989992497,
    0.955336489,
    0.999550034,
    0.9999955,
  ]);
});

Deno.test("sinCosPositions() has the official sums at 14x14 and 16x16", () => {
  const large = sinCosPositions([14, 14], 768);
  const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0);
  assert.ok(Math.abs(sum(large) - 69594.49385917) < 1e-2);
  assert.ok(Math.abs(sum(large.map((x) => x * x)) - 75264) < 1e-2);
  const token = large.subarray(37 * 768, 38 * 768);
  closeTo(token.subarray(0, 3), [0.412118485, 0.748847256, 0.948390067]);
  closeTo(token.subarray(192, 195), [-0.911130262, -0.662742625, -0.317106104]);
  closeTo(token.subarray(384, 387), [0.909297427, 0.944236772, 0.969836096]);
  closeTo(token.subarray(576, 579), [-0.416146837, -0.329267244, -0.243757968]);
  assert.ok(Math.abs(sum(sinCosPositions([16, 16], 384)) - 44720.33856) < 1e-2);
});

Deno.test("sinCosPositions() puts row r and column c of any rectangle at r * columns + c", () => {
  const wide = sinCosPositions([2, 5], 8), square = sinCosPositions([5, 5], 8);
  closeTo(wide.subarray(8 * 8, 9 * 8), [...square.subarray(8 * 8, 9 * 8)], 1e-12);
});

Deno.test("sinCosPositions() refuses a width that is no multiple of 4", () => {
  assert.throws(() => sinCosPositions([2, 2], 6), {
    name: "RangeError",
    message: "Cannot make a position table: width must be a multiple of 4, got 6",
  });
});

/** Golden values of docs/method.md section 2.1: PyTorch's bicubic interpolation, as transformers calls it. */
Deno.test("resizePositions() has PyTorch's bicubic values from 4x4 to 6x6", () => {
  const table = floatTensor([1, 16, 16], sinCosPositions([4, 4], 16));
  const { shape, data } = resizePositions(table, { from: [4, 4], to: [6, 6] });
  assert.deepEqual(shape, [1, 36, 16]);
  closeTo(data.subarray(0, 4), [-0.073044389, -0.0086660990, -0.00086804148, -0.0000868055795]);
  closeTo([data[7 * 16]!, data[7 * 16 + 4]!], [0.414376765, 0.85981822]);
});

Deno.test("resizePositions() treats rows and columns alike, and leaves constants and equal grids", () => {
  const wide = floatTensor([1, 12, 4], Float32Array.from({ length: 48 }, (_, i) => (i * i) % 23));
  assert.equal(resizePositions(wide, { from: [2, 6], to: [2, 6] }), wide);
  const transpose = (values: Float32Array, [rows, columns]: readonly [number, number]) =>
    Float32Array.from({ length: values.length }, (_, i) => {
      const k = i % 4, row = Math.floor(i / 4) % rows, column = Math.floor(i / 4 / rows);
      return values[(row * columns + column) * 4 + k]!;
    });
  const tall = floatTensor([1, 12, 4], transpose(wide.data, [2, 6]));
  const one = resizePositions(wide, { from: [2, 6], to: [5, 3] }).data;
  const other = resizePositions(tall, { from: [6, 2], to: [3, 5] }).data;
  closeTo(transpose(one, [5, 3]), [...other], 1e-5);
  const constant = floatTensor([1, 12, 4], new Float32Array(48).fill(0.7));
  closeTo(resizePositions(constant, { from: [2, 6], to: [7, 4] }).data, Array(112).fill(0.7), 1e-6);
});

Deno.test("resizePositions() refuses a table of another grid", () => {
  assert.throws(() => resizePositions(floatTensor([1, 12, 4]), { from: [3, 3], to: [2, 2] }), {
    name: "RangeError",
    message: "Cannot resize a position table: it has 12 patches, not 3x3",
  });
});
