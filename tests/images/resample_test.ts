/** The kernels in WebAssembly against plain loops: every bit is the same. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { AxisTable } from "../../lib/images/resample/axis_table.ts";
import { Resampler, type ResampleSpec, type ResampleTarget } from "../../lib/images/resample.ts";
import type { RgbImage } from "../../lib/images/rgb_image.ts";

type Target = Omit<ResampleTarget, "output" | "at">;

function clamped(value: number, spec: ResampleSpec, [low, high]: readonly [number, number]) {
  return spec.filter === "bicubic" ? Math.fround(Math.min(high, Math.max(low, value))) : value;
}

/** What {@link Resampler.write} is for, one value after the other. @returns [3 H W] */
function resampled(image: RgbImage, { box, scaled, flip }: Target, spec: ResampleSpec) {
  const { size: [height, width], mean, std, filter = "bilinear" } = spec;
  const place = scaled ?? { top: 0, left: 0, height, width };
  const columns = new AxisTable(width), rows = new AxisTable(height);
  const acrossX = { source: box.width, scaled: place.width, first: place.left };
  columns.fill(filter, { ...acrossX, flip: flip ?? false });
  rows.fill(filter, {
    source: box.height,
    scaled: place.height,
    first: place.top,
    flip: false,
  });
  const scaledPixel = (row: number, x: number, c: number) => {
    let sum = 0;
    for (let k = 0; k < columns.counts[x]!; k += 2) {
      const [first, second] = [0, 1].map((next) => {
        if (k + next >= columns.counts[x]!) return 0;
        const column = box.left + columns.starts[x]! + k + next;
        const value = image.data[3 * ((box.top + row) * image.width + column) + c]!;
        return columns.weights[x * columns.stride + k + next]! * value;
      });
      sum += first! + second!;
    }
    return clamped(Math.fround(sum), spec, [0, 255]);
  };
  const result = new Float32Array(3 * height * width);
  for (let at = 0; at < result.length; at++) {
    const c = Math.floor(at / (height * width)), y = Math.floor(at / width) % height;
    const factor = 1 / (255 * std[c]!), shift = -mean[c]! / std[c]!;
    let sum = Math.fround(shift);
    for (let k = 0; k < rows.counts[y]!; k++) {
      const weight = factor * rows.weights[y * rows.stride + k]!;
      sum += weight * scaledPixel(rows.starts[y]! + k, at % width, c);
      if (k % 4 === 3) sum = Math.fround(sum);
    }
    result[at] = clamped(Math.fround(sum), spec, [shift, 255 * factor + shift]);
  }
  return result;
}

function pictureOf({ height, width, seed }: { height: number; width: number; seed: number }) {
  let state = seed;
  const data = Uint8Array.from({ length: 3 * height * width }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state >>> 24;
  });
  return { height, width, data };
}

/** A length and a part of it. */
const span = (longest: number) =>
  fc.integer({ min: 1, max: longest }).chain((length) =>
    fc.integer({ min: 1, max: length }).chain((part) =>
      fc.record({
        length: fc.constant(length),
        part: fc.constant(part),
        first: fc.integer({ min: 0, max: length - part }),
      })
    )
  );

const CASES = fc.record({
  seed: fc.integer(),
  image: fc.tuple(span(70), span(70)),
  result: fc.tuple(span(40), span(40)),
  filter: fc.constantFrom("bilinear" as const, "bicubic" as const),
  flip: fc.boolean(),
  mean: fc.constantFrom([0, 0, 0] as const, [0.485, 0.456, 0.406] as const),
});

Deno.test("Resampler.write() gives the bits of a plain loop", () => {
  fc.assert(
    fc.property(CASES, ({ seed, image: [y, x], result: [down, across], filter, flip, mean }) => {
      const image = pictureOf({ height: y.length, width: x.length, seed });
      const target = {
        box: { top: y.first, left: x.first, height: y.part, width: x.part },
        scaled: {
          top: down.first,
          left: across.first,
          height: down.length,
          width: across.length,
        },
        flip,
      };
      const size = [down.part, across.part] as const;
      const spec = { size, mean, std: [0.229, 0.224, 0.225], filter } as const;
      const output = new Float32Array(3 * size[0] * size[1]);
      new Resampler(spec).write(image, { ...target, output });
      assert.deepEqual(output, resampled(image, target, spec));
    }),
    { numRuns: 200, seed: 1 },
  );
});

Deno.test("Resampler.write() gives the bits of a plain loop for pictures that come in strips", () => {
  const spec = { size: [9, 7], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  const resampler = new Resampler(spec);
  const output = new Float32Array(3 * 9 * 7);
  // The first has strips of several rows, the second of one; the third needs less memory again.
  for (const [height, width] of [[400, 500], [3, 90_000], [5, 4]] as const) {
    const image = pictureOf({ height, width, seed: 1 });
    const box = { top: 1, left: 2, height: height - 1, width: width - 2 };
    resampler.write(image, { box, output });
    assert.deepEqual(output, resampled(image, { box }, spec));
  }
});

Deno.test("Resampler.write() stays inside of its memory where taps are missing at the edge", () => {
  for (const width of [87_381, 100_000, 131_072]) {
    const image = { height: 1, width, data: new Uint8Array(3 * width).fill(255) };
    const box = { top: 0, left: 0, height: 1, width };
    for (const filter of ["bilinear", "bicubic"] as const) {
      const spec = { size: [1, 2], mean: [0, 0, 0], std: [1, 1, 1], filter } as const;
      const output = new Float32Array(6);
      new Resampler(spec).write(image, { box, output });
      assert.ok(output.every((value) => Math.abs(value - 1) < 1e-6));
    }
  }
});
