/** Terms against collapse: their values and slopes against the definitions in double precision, on every runtime. */

import assert from "node:assert/strict";
import type { Program } from "../../lib/compile/mod.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { type FloatTensor, floatTensor } from "../../lib/tensor.ts";
import {
  DIRECTIONS,
  directionsOf,
  type Regularizer,
  termOf,
} from "../../lib/training/regularizer.ts";
import { relativeError } from "../compare.ts";
import { runtimesNamed, testOn, WIDTHS } from "../runtimes.ts";
import { floats } from "./forward.ts";

/** Samples in double precision, row by row. */
interface Samples {
  readonly count: number;
  readonly width: number;
  readonly values: Float64Array;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function columnOf({ count, width, values }: Samples, column: number): number[] {
  return Array.from({ length: count }, (_, row) => values[row * width + column]!);
}

/** Equations 1 to 4 of arXiv 2505.04906 as they stand there, one branch. */
function varianceAndCovariance(samples: Samples): number {
  const { count, width } = samples;
  const columns = Array.from({ length: width }, (_, column) => columnOf(samples, column));
  const means = columns.map(mean);
  const covariance = (a: number, b: number) =>
    columns[a]!.reduce(
      (sum, x, row) => sum + (x - means[a]!) * (columns[b]![row]! - means[b]!),
      0,
    ) /
    (count - 1);
  let variances = 0, covariances = 0;
  for (let a = 0; a < width; a++) {
    variances += Math.max(0, 1 - Math.sqrt(covariance(a, a) + 1e-4)) / width;
    for (let b = 0; b < width; b++) if (a !== b) covariances += covariance(a, b) ** 2 / width;
  }
  return variances + covariances / 25;
}

/** The statistic of Epps and Pulley along each direction, by 17 values of its integral. */
function gaussianity({ count, width, values }: Samples, directions: Float32Array): number {
  const statistics = Array.from({ length: directions.length / width }, (_, r) => {
    const projected = Array.from({ length: count }, (_, row) => {
      let sum = 0;
      for (let d = 0; d < width; d++) sum += values[row * width + d]! * directions[r * width + d]!;
      return sum;
    });
    let integral = 0;
    for (let k = 0; k <= 16; k++) {
      const t = 3 * k / 16, normal = Math.exp(-t * t / 2);
      const real = mean(projected.map((x) => Math.cos(t * x))) - normal;
      const imaginary = mean(projected.map((x) => Math.sin(t * x)));
      const share = k === 0 || k === 16 ? 0.5 : 1;
      integral += share * 3 / 16 * (real ** 2 + imaginary ** 2) * normal;
    }
    return 2 * count * integral;
  });
  return mean(statistics);
}

const DEFINITIONS = { vicreg: varianceAndCovariance, sigreg: gaussianity } as const;
type Term = Regularizer["term"];

/** By how much a term grows along a change of all samples, from values on either side. */
function growth(valueOf: (samples: Samples) => number, samples: Samples, along: Float64Array) {
  const step = 1e-5;
  const moved = (by: number) =>
    valueOf({ ...samples, values: samples.values.map((x, i) => x + by * along[i]!) });
  return (moved(step) - moved(-step)) / (2 * step);
}

/** Samples whose features depend on each other, of several scales and means, and what a term is of them. */
interface Case {
  readonly samples: Samples;
  readonly value: number;
  readonly slope: Float64Array;
}

/** Samples of one program: it takes any number. */
interface Sizes {
  readonly width: number;
  readonly directions: number;
  readonly counts: readonly number[];
}

const SIZES: readonly Sizes[] = [
  { width: 4, directions: 3, counts: [2, 3, 5, 9, 16, 33] },
  { width: 20, directions: 7, counts: [2, 7, 8, 40] },
];

function drawSamples(number: number, count: number, width: number): Samples {
  const random = new RandomStream({ seed: 11, purpose: "samples", step: number });
  const scale = [0.05, 0.5, 1, 3][number % 4]!, shift = [0, 0.3, -1][number % 3]!;
  const values = new Float64Array(count * width);
  for (let row = 0; row < count; row++) {
    const shared = random.normal();
    for (let d = 0; d < width; d++) {
      values[row * width + d] = Math.fround(shift + scale * (random.normal() + shared));
    }
  }
  return { count, width, values };
}

function directionsFor({ width, directions }: Sizes): FloatTensor {
  const { data } = directionsOf({ seed: 5, step: 0, width });
  return floatTensor([directions, width], data.slice(0, directions * width));
}

function casesOf(term: Term, sizes: Sizes): readonly Case[] {
  const { width, counts } = sizes, directions = floats(directionsFor(sizes));
  const valueOf = (samples: Samples) => DEFINITIONS[term](samples, directions);
  return counts.map((count, number) => {
    const samples = drawSamples(number, count, width);
    const slope = samples.values.map((_, i) => {
      const along = new Float64Array(count * width);
      along[i] = 1;
      return growth(valueOf, samples, along);
    });
    return { samples, value: valueOf(samples), slope };
  });
}

function programOf(term: Term, { width, directions }: Sizes): Program {
  return {
    name: "term",
    carried: [],
    inputs: {
      samples: { dtype: "float32", shape: ["count", width] },
      ...term === "sigreg"
        ? { directions: { dtype: "float32", shape: [directions, width] } as const }
        : {},
    },
    run: ({ samples, directions }) => ({ ...termOf({ term }, samples!, directions) }),
  };
}

for (const term of ["vicreg", "sigreg"] as const) {
  const known = SIZES.map((sizes) => ({ sizes, cases: casesOf(term, sizes) }));
  const everywhere = runtimesNamed("cpu", "onnx", "native", "wasm");
  for (const tried of [...everywhere, ...WIDTHS]) {
    testOn(tried, `${term} and its slope are those of its definition`, async () => {
      const runtime = await tried.create({ threads: 2 });
      // The sine of TensorFlow.js in WebAssembly has five digits.
      const tolerance = tried.name === "wasm" ? 1e-4 : 1e-5;
      for (const { sizes, cases } of everywhere.includes(tried) ? known : known.slice(1)) {
        const executable = await runtime.prepare(programOf(term, sizes));
        for (const { samples: { count, width, values }, value, slope } of cases) {
          const got = await executable.run({
            samples: floatTensor([count, width], Float32Array.from(values)),
            ...term === "sigreg" ? { directions: directionsFor(sizes) } : {},
          });
          const where = `${count} samples of ${width}`;
          const [found] = floats(got["value"]) as unknown as [number];
          const off = Math.abs(found / value - 1);
          assert.ok(off < tolerance / 3, `${where}: ${found} instead of ${value}`);
          const error = relativeError(floats(got["slope"]), slope);
          assert.ok(error < tolerance, `${where}: slope off by ${error}`);
        }
        executable.dispose();
      }
    });
  }
}

Deno.test("directionsOf() draws directions of length 1, anew in every step, the same for the same seed", () => {
  const width = 24, at = { seed: 3, step: 7, width };
  const drawn = floats(directionsOf(at));
  assert.equal(drawn.length, DIRECTIONS * width);
  assert.deepEqual(floats(directionsOf(at)), drawn);
  for (const other of [{ ...at, step: 8 }, { ...at, seed: 4 }]) {
    assert.ok(relativeError(floats(directionsOf(other)), drawn) > 1);
  }
  const moments = new Float64Array(width);
  for (let r = 0; r < DIRECTIONS; r++) {
    const direction = drawn.subarray(r * width, (r + 1) * width);
    const length = direction.reduce((sum, x) => sum + x * x, 0);
    assert.ok(Math.abs(length - 1) < 1e-6, `direction ${r} has length ${Math.sqrt(length)}`);
    direction.forEach((x, d) => moments[d]! += x * x / DIRECTIONS);
  }
  // No axis is preferred: each has a 24th of the squares, with a deviation of 0.0036 over 256 directions.
  for (const moment of moments) assert.ok(Math.abs(moment - 1 / width) < 0.018, `${moment}`);
});
