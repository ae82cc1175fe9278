import assert from "node:assert/strict";
import fc from "fast-check";
import { effectiveRank } from "../../../lib/training/monitors/effective_rank.ts";

/** [rows columns] in float32, as targets are. */
function made(rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const i = Math.floor(at / columns), j = at % columns;
    return 1 + Math.sin(1.3 * i * j + 0.7 * i + j);
  });
}

function assertNear(got: number, wanted: number, tolerance: number): void {
  assert.ok(Math.abs(got - wanted) <= tolerance, `${got} and not ${wanted}`);
}

Deno.test("effectiveRank() is what numpy's singular values give", () => {
  // s = numpy.linalg.svd(x, compute_uv=False); p = s / s.sum(); numpy.exp(-(p * numpy.log(p)).sum())
  const wanted = [
    [2, 5, 1.8107133692453414],
    [32, 64, 24.232881715240648],
    [64, 32, 24.717726449962207],
    [128, 192, 56.27051190210079],
  ] as const;
  for (const [rows, columns, rank] of wanted) {
    assertNear(effectiveRank(made(rows, columns), columns), rank, 1e-6);
  }
});

Deno.test("effectiveRank() looks at the first 128 rows", () => {
  assertNear(effectiveRank(made(200, 16), 16), 12.677291993015151, 1e-6);
  assert.equal(effectiveRank(made(200, 16), 16), effectiveRank(made(128, 16), 16));
});

Deno.test("effectiveRank() tells targets that are all alike from others", () => {
  const rows = 32, columns = 64, x = made(rows, columns);
  const mean = Float64Array.from({ length: columns }, (_, j) => {
    return Array.from({ length: rows }, (_, i) => x[i * columns + j]!).reduce((a, b) => a + b) /
      rows;
  });
  const shrunk = x.map((value, at) => mean[at % columns]! + 0.02 * (value - mean[at % columns]!));
  assertNear(effectiveRank(shrunk, columns), 1.6206640548449656, 1e-5);
  const alike = x.map((_, at) => mean[at % columns]!);
  assertNear(effectiveRank(alike, columns), 1, 1e-6);
  // On one line, with either sign.
  assertNear(
    effectiveRank(alike.map((value, at) => at % (2 * columns) < columns ? value : -value), columns),
    1,
    1e-6,
  );
});

Deno.test("effectiveRank() of nothing, and of what is no number", () => {
  assert.equal(effectiveRank(new Float32Array(12), 4), 0);
  assert.ok(Number.isNaN(effectiveRank(Float32Array.of(1, 2, NaN, 4), 2)));
  assert.ok(Number.isNaN(effectiveRank(Float32Array.of(1, 2, Infinity, 4), 2)));
  assert.equal(effectiveRank([3], 1), 1);
});

Deno.test("effectiveRank() depends on neither scale nor order nor rotation, and has its bounds", () => {
  const value = fc.double({ min: -1, max: 1, noNaN: true });
  const cases = fc.record({
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 2, max: 9 }),
  })
    .chain(({ rows, columns }) =>
      fc.record({
        columns: fc.constant(columns),
        values: fc.array(value, { minLength: rows * columns, maxLength: rows * columns }),
        scale: fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        angle: fc.double({ min: 0, max: 6, noNaN: true }),
      })
    );
  fc.assert(fc.property(cases, ({ columns, values, scale, angle }) => {
    const rows = values.length / columns;
    fc.pre(Math.hypot(...values) > 1e-3);
    const rank = effectiveRank(values, columns);
    assert.ok(rank >= 1 - 1e-9 && rank <= Math.min(rows, columns) + 1e-9, `${rank}`);
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const turned = values.map((each, at) => {
      const j = at % columns;
      if (j > 1) return scale * each;
      const other = j === 0 ? -values[at + 1]! : values[at - 1]!;
      return scale * (cosine * each + sine * other);
    });
    const upsideDown = Array.from(
      { length: rows },
      (_, i) => turned.slice((rows - 1 - i) * columns, (rows - i) * columns),
    ).flat();
    // Singular values near 0 are right to the root of what a double holds.
    assertNear(effectiveRank(upsideDown, columns), rank, 1e-5);
  }));
});
