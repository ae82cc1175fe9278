import assert from "node:assert/strict";
import fc from "fast-check";
import { type FeatureRows, nearestNeighbours } from "../../lib/probe/neighbours.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { runtimesNamed, testOn, WIDTHS } from "../runtimes.ts";
import { assertNear } from "./near.ts";
import * as sklearn from "./sklearn.ts";

const { features, width, classes } = sklearn;
const runtime = await createRuntime("onnx");
const HALF = classes.length / 2;
const BANK = { features, rows: sklearn.rowsBetween(0, HALF) };
const QUERIES = { features, rows: sklearn.rowsBetween(HALF, classes.length) };

/** Rows around a few centres, so near to each other that float32 cannot tell which is nearest. */
function crowd(rows: number, { width, spread }: { width: number; spread: number }): FeatureRows {
  const random = new RandomStream({ seed: 5, purpose: "crowd" });
  const centres = Float32Array.from({ length: 3 * width }, () => random.normal());
  const features = Float32Array.from({ length: rows * width }, (_, i) => {
    const centre = Math.floor(i / width) % 3;
    return centres[centre * width + i % width]! + spread * random.normal();
  });
  return { features, rows: sklearn.rowsBetween(0, rows) };
}

// More bank rows than one block has, and more queries.
const CROWD = crowd(5000, { width: 24, spread: 1e-4 });
const FEW = { ...CROWD, rows: sklearn.rowsBetween(4700, 5000) };
let wantedOfCrowd: Float64Array | undefined;

/** The similarities of all, sorted, in float64 from the start. */
function similaritiesOfCrowd(count: number): Float64Array {
  const units = Array.from({ length: 5000 }, (_, row) => {
    const vector = Float64Array.from(CROWD.features.subarray(row * 24, (row + 1) * 24));
    const length = Math.hypot(...vector);
    return vector.map((x) => x / length);
  });
  const all = [...FEW.rows].map((query) =>
    units
      .map((unit) => unit.reduce((sum, x, d) => sum + x * units[query]![d]!, 0))
      .sort((a, b) => b - a)
      .slice(0, count)
  );
  return Float64Array.from(all.flat());
}

for (const tried of [...runtimesNamed("onnx", "cpu", "wasm"), ...WIDTHS]) {
  testOn(tried, "nearestNeighbours() gives the same bits in a crowd", async () => {
    const count = 30;
    wantedOfCrowd ??= similaritiesOfCrowd(count);
    const search = async (threads: number) =>
      nearestNeighbours(CROWD, FEW, {
        width: 24,
        count,
        runtime: await tried.create({ threads }),
      });
    const found = await search(2);
    assertNear(found.similarities, wantedOfCrowd, { tolerance: 2e-7 });
    const reference = await nearestNeighbours(CROWD, FEW, { width: 24, count, runtime });
    assert.deepEqual(found, reference);
    assert.deepEqual(await search(1), reference);
  });
}

Deno.test("nearestNeighbours() does not depend on the length of any embedding", async () => {
  const wanted = await nearestNeighbours(BANK, QUERIES, { width, count: 5, runtime });
  const lengths = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 90, maxLength: 90 });
  await fc.assert(
    fc.asyncProperty(lengths, async (exponents) => {
      // Powers of two change no bit of a mantissa.
      const scaled = features.map((x, i) => x * 2 ** exponents[Math.floor(i / width)]!);
      const found = await nearestNeighbours(
        { ...BANK, features: scaled },
        { ...QUERIES, features: scaled },
        { width, count: 5, runtime },
      );
      assert.deepEqual(found.positions, wanted.positions);
    }),
    { numRuns: 20 },
  );
});

Deno.test("nearestNeighbours() orders like a full sort, equals by position", async () => {
  const coordinate = fc.integer({ min: -2, max: 2 });
  const rows = fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(rows, rows, async (bank, queries) => {
      const matrix = (list: [number, number][]) => ({
        features: Float32Array.from(list.flat()),
        rows: sklearn.rowsBetween(0, list.length),
      });
      const count = Math.min(7, bank.length);
      const found = await nearestNeighbours(matrix(bank), matrix(queries), {
        width: 2,
        count,
        runtime,
      });
      queries.forEach((query, q) => {
        const all = bank.map(([x, y]) => {
          const length = Math.hypot(x, y) * Math.hypot(...query);
          return length === 0 ? 0 : (x * query[0] + y * query[1]) / length;
        });
        const best = all.toSorted((a, b) => b - a).slice(0, count);
        const similarities = found.similarities.subarray(q * count, (q + 1) * count);
        assertNear(similarities, best, { tolerance: 1e-6 });
        const positions = [...found.positions.subarray(q * count, (q + 1) * count)];
        assert.equal(new Set(positions).size, count);
        assertNear(positions.map((p) => all[p]!), best, { tolerance: 1e-6 });
      });
    }),
  );
});
