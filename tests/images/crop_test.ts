import assert from "node:assert/strict";
import fc from "fast-check";
import { randomCrop, resizeCenterCrop } from "../../lib/images/crop.ts";
import { type ResampleFilter, Resampler } from "../../lib/images/resample.ts";
import type { RgbImage } from "../../lib/images/decode.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import cases from "../fixtures/crop/pillow.json" with { type: "json" };

/** Results are in levels of 0 to 255 with these. */
const PLAIN = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] } as const;
const CONFIG = { cropScale: [0.3, 1], cropAspect: [3 / 4, 4 / 3], horizontalFlip: false } as const;

function pictureOf(kind: string, [height, width]: readonly [number, number]): RgbImage {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++, at++) {
        data[at] = kind === "smooth"
          ? 60 + (3 * x * x + 5 * y * y + 7 * x * y + 31 * c) % 136
          : (x + 3 * y + c) % 5 < 2
          ? 255
          : 0;
      }
    }
  }
  return { height, width, data };
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}

function planesOf(interleaved: Uint8Array): number[] {
  const pixels = interleaved.length / 3;
  return Array.from(
    interleaved,
    (_, i) => interleaved[(i % pixels) * 3 + Math.floor(i / pixels)]!,
  );
}

for (const fixture of cases) {
  const size = fixture.size as [number, number];
  const filter = fixture.filter as ResampleFilter;
  const image = pictureOf(fixture.picture, fixture.image as [number, number]);
  const wanted = new Float32Array(bytesOf(fixture.float).buffer);
  const output = new Float32Array(3 * size[0] * size[1]);
  if (fixture.box === undefined) {
    Deno.test(`resizeCenterCrop() gives Pillow's values, ${filter}, shorter side ${fixture.shorterSide}`, () => {
      const resampler = new Resampler({ size, filter, ...PLAIN });
      resizeCenterCrop(image, resampler, { shorterSide: fixture.shorterSide, output });
      assert.ok(largestDifference(output, wanted) < 1e-3);
    });
    continue;
  }
  const [top, left, height, width] = fixture.box as [number, number, number, number];
  const what = `${fixture.picture} ${height}x${width} to ${size.join("x")}, ${filter}`;
  Deno.test(`Resampler.write() gives Pillow's values, ${what}`, () => {
    const box = { top, left, height, width };
    new Resampler({ size, filter, ...PLAIN }).write(image, { box, output });
    // Pillow's float mode does not clip the cubic filter's overshoot, its byte mode does.
    if (fixture.picture === "smooth" || filter === "bilinear") {
      assert.ok(largestDifference(output, wanted) < 1e-3);
    }
    const difference = largestDifference(output, planesOf(bytesOf(fixture.bytes)));
    assert.ok(difference <= (filter === "bicubic" ? 1.2 : 1), `differs by ${difference}`);
  });
}

Deno.test("Resampler.write() normalises, mirrors and leaves the rest of the batch alone", () => {
  const image = pictureOf("smooth", [9, 12]);
  const [height, width] = [4, 5];
  const box = { top: 1, left: 2, height: 7, width: 9 };
  const plain = new Float32Array(3 * height * width);
  new Resampler({ size: [height, width], ...PLAIN }).write(image, { box, output: plain });
  const mean = [0.4, 0.5, 0.6] as const, std = [0.1, 0.2, 0.3] as const;
  const output = new Float32Array(5 * plain.length).fill(-7);
  const at = 2 * plain.length;
  const resampler = new Resampler({ size: [height, width], mean, std });
  resampler.write(image, { box, output, at, flip: true });
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const level = plain[(c * height + y) * width + width - 1 - x]!;
        const got = output[at + (c * height + y) * width + x]!;
        assert.ok(Math.abs(got - (level / 255 - mean[c]!) / std[c]!) < 1e-5);
      }
    }
  }
  assert.ok(output.subarray(0, at).every((value) => value === -7));
  assert.ok(output.subarray(at + plain.length).every((value) => value === -7));
});

Deno.test("Resampler.write() does not see pixels outside of the box", () => {
  const inside = pictureOf("smooth", [20, 20]), changed = pictureOf("smooth", [20, 20]);
  const box = { top: 6, left: 5, height: 8, width: 9 };
  for (let y = 0; y < 20; y++) {
    for (let x = 0; x < 20; x++) {
      const within = y >= 6 && y < 14 && x >= 5 && x < 14;
      if (!within) changed.data.fill(255, (y * 20 + x) * 3, (y * 20 + x) * 3 + 3);
    }
  }
  const resampler = new Resampler({ size: [4, 4], ...PLAIN });
  const [a, b] = [new Float32Array(48), new Float32Array(48)];
  resampler.write(inside, { box, output: a });
  resampler.write(changed, { box, output: b });
  assert.deepEqual(a, b);
});

Deno.test("Resampler.write() gives the same bits at the end of an image as inside of one", () => {
  const image = pictureOf("smooth", [40, 40]);
  const wider = { height: 44, width: 40, data: new Uint8Array(44 * 40 * 3).fill(9) };
  wider.data.set(image.data);
  for (const side of [13, 20, 21, 25, 40]) {
    const box = { top: 40 - side, left: 40 - side, height: side, width: side };
    for (const filter of ["bilinear", "bicubic"] as const) {
      const resampler = new Resampler({ size: [20, 20], filter, ...PLAIN });
      const [atEnd, inside] = [image, wider].map((each) => {
        const output = new Float32Array(3 * 20 * 20);
        resampler.write(each, { box, output });
        return output;
      });
      assert.deepEqual(atEnd, inside);
    }
  }
});

Deno.test("Resampler gives the same values whatever it resampled before", () => {
  const image = pictureOf("hard", [40, 30]);
  const box = { top: 3, left: 1, height: 20, width: 17 };
  const used = new Resampler({ size: [6, 6], ...PLAIN });
  const [a, b] = [new Float32Array(108), new Float32Array(108)];
  used.write(image, { box: { top: 0, left: 0, height: 40, width: 30 }, output: a, flip: true });
  used.write(image, { box, output: a });
  new Resampler({ size: [6, 6], ...PLAIN }).write(image, { box, output: b });
  assert.deepEqual(a, b);
});

Deno.test("randomCrop() stays inside the image and within the limits of area and aspect", () => {
  const extent = fc.integer({ min: 1, max: 500 });
  fc.assert(fc.property(extent, extent, fc.nat(1000), (height, width, sample) => {
    const stream = new RandomStream({ seed: 1, purpose: "crop", sample });
    const { box } = randomCrop({ height, width }, CONFIG, stream);
    assert.ok(box.top >= 0 && box.left >= 0 && box.height >= 1 && box.width >= 1);
    assert.ok(box.top + box.height <= height && box.left + box.width <= width);
    if (Math.min(box.height, box.width) < 40) return; // Rounding to pixels blurs the limits.
    const aspect = box.width / box.height;
    assert.ok(aspect > 0.75 * 0.97 && aspect < 4 / 3 * 1.03, `aspect ${aspect}`);
  }));
});

Deno.test("randomCrop() has uniform area and log-uniform aspect on a square image", () => {
  const count = 4000;
  let area = 0, logAspect = 0, squares = 0, top = 0;
  for (let sample = 0; sample < count; sample++) {
    const stream = new RandomStream({ seed: 3, purpose: "crop", step: 7, sample });
    const { box } = randomCrop({ height: 1000, width: 1000 }, {
      ...CONFIG,
      cropScale: [0.2, 0.5],
    }, stream);
    area += box.height * box.width / 1e6 / count;
    logAspect += Math.log(box.width / box.height) / count;
    squares += (Math.log(box.width / box.height) ** 2) / count;
    top += box.top / (1000 - box.height) / count;
  }
  // Mean 0.35, 0, variance of a uniform value in +-log(4/3), 0.5: each within five standard errors.
  assert.ok(Math.abs(area - 0.35) < 5 * 0.087 / Math.sqrt(count), `area ${area}`);
  assert.ok(Math.abs(logAspect) < 5 * 0.166 / Math.sqrt(count), `aspect ${logAspect}`);
  assert.ok(Math.abs(squares - Math.log(4 / 3) ** 2 / 3) < 0.002, `variance ${squares}`);
  assert.ok(Math.abs(top - 0.5) < 5 * 0.289 / Math.sqrt(count), `top ${top}`);
});

Deno.test("randomCrop() takes the centre of an image that no allowed box fits", () => {
  const crop = (height: number, width: number) =>
    randomCrop({ height, width }, CONFIG, new RandomStream({ seed: 0, purpose: "crop" }));
  assert.deepEqual(crop(1000, 30).box, { top: 480, left: 0, height: 40, width: 30 });
  assert.deepEqual(crop(30, 1001).box, { top: 0, left: 480, height: 30, width: 40 });
  const whole = { ...CONFIG, cropScale: [4, 4] as const };
  const stream = new RandomStream({ seed: 0, purpose: "crop" });
  const { box } = randomCrop({ height: 20, width: 22 }, whole, stream);
  assert.deepEqual(box, { top: 0, left: 0, height: 20, width: 22 });
});

Deno.test("randomCrop() is a function of its key, and flips half of the images without moving a box", () => {
  let flips = 0;
  for (let sample = 0; sample < 1000; sample++) {
    const draw = (horizontalFlip: boolean) =>
      randomCrop(
        { height: 50, width: 60 },
        { ...CONFIG, horizontalFlip },
        new RandomStream({ seed: 5, purpose: "crop", sample }),
      );
    assert.deepEqual(draw(true), draw(true));
    assert.deepEqual(draw(true).box, draw(false).box);
    assert.equal(draw(false).flip, false);
    if (draw(true).flip) flips++;
  }
  assert.ok(Math.abs(flips - 500) < 80, `${flips} of 1000 mirrored`);
});

Deno.test("resizeCenterCrop() refuses a centre that is larger than the scaled image", () => {
  const resampler = new Resampler({ size: [8, 8], ...PLAIN });
  const output = new Float32Array(192);
  assert.throws(
    () => resizeCenterCrop(pictureOf("hard", [9, 9]), resampler, { shorterSide: 7, output }),
    {
      name: "RangeError",
      message: "Cannot crop the centre: wanted 8x8 pixels of 7x7, make shorterSide at least 8",
    },
  );
});
