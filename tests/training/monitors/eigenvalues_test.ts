import assert from "node:assert/strict";
import fc from "fast-check";
import { symmetricEigenvalues } from "../../../lib/training/monitors/eigenvalues.ts";

/** [n n] */
function made(n: number, valueOf: (i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => valueOf(Math.floor(at / n), at % n));
}

/** Rising. */
function eigenvalues(matrix: Float64Array, n: number): number[] {
  return [...symmetricEigenvalues(matrix, n)].sort((a, b) => a - b);
}

function assertClose(got: readonly number[], wanted: readonly number[], tolerance: number): void {
  assert.equal(got.length, wanted.length);
  for (const [i, value] of got.entries()) {
    assert.ok(Math.abs(value - wanted[i]!) <= tolerance, `${got} and not ${wanted}`);
  }
}

Deno.test("symmetricEigenvalues() gives numpy's", () => {
  // i, j = numpy.mgrid[0:n, 0:n]; numpy.linalg.eigvalsh(numpy.sin(1 + i + j + 0.5 * i * j))
  const sine = (i: number, j: number) => Math.sin(1 + i + j + 0.5 * i * j);
  assertClose(
    eigenvalues(made(3, sine), 3),
    [-1.2797580146002108, 0.8886746395426588, 1.5387577308946176],
    1e-14,
  );
  const six = [
    ...[-3.0577044035341485, -1.9222217893226314, -0.2693168518714884],
    ...[-0.1370031559646187, 1.7030609571005018, 1.9959279048820704],
  ];
  assertClose(eigenvalues(made(6, sine), 6), six, 1e-14);
  // The Hilbert matrix, whose values are five orders apart.
  const hilbert = [
    ...[3.2879287721718629e-6, 3.0589804015119172e-4, 1.1407491623419806e-2],
    ...[0.20853421861101324, 1.5670506910982306],
  ];
  assertClose(eigenvalues(made(5, (i, j) => 1 / (i + j + 1)), 5), hilbert, 1e-14);
});

Deno.test("symmetricEigenvalues() of matrices whose values are known", () => {
  assert.deepEqual(eigenvalues(Float64Array.of(7), 1), [7]);
  assert.deepEqual(eigenvalues(new Float64Array(9), 3), [0, 0, 0]);
  assert.deepEqual(eigenvalues(made(4, (i, j) => i === j ? [3, -1, 3, 0][i]! : 0), 4), [
    ...[-1, 0, 3, 3],
  ]);
  assertClose(eigenvalues(made(40, () => 1), 40), [...new Array(39).fill(0), 40], 1e-13);
  // Neighbours on a line: 2 - 2 cos(k pi / (n + 1)).
  const n = 50;
  const line = made(n, (i, j) => i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0);
  const wanted = Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos((k + 1) * Math.PI / (n + 1)));
  assertClose(eigenvalues(line, n), wanted, 1e-13);
});

Deno.test("symmetricEigenvalues() keeps sums of powers, and leaves the matrix as it is", () => {
  const value = fc.double({ min: -1, max: 1, noNaN: true });
  const cases = fc.integer({ min: 1, max: 12 }).chain((n) =>
    fc.record({
      n: fc.constant(n),
      values: fc.array(value, { minLength: n * n, maxLength: n * n }),
    })
  );
  fc.assert(fc.property(cases, ({ n, values }) => {
    const matrix = made(n, (i, j) => values[Math.max(i, j) * n + Math.min(i, j)]!);
    const before = matrix.slice();
    const found = eigenvalues(matrix, n);
    assert.deepEqual(matrix, before);
    const square = (i: number, j: number) =>
      found.keys().reduce((sum, k) => sum + matrix[i * n + k]! * matrix[k * n + j]!, 0);
    const indices = [...found.keys()];
    const trace = (of: (i: number, j: number) => number) =>
      indices.reduce((sum, i) => sum + of(i, i), 0);
    const power = (exponent: number) => found.reduce((sum, each) => sum + each ** exponent, 0);
    const fourth = indices.flatMap((i) => indices.map((j) => square(i, j) ** 2))
      .reduce((a, b) => a + b, 0);
    const wanted = [trace((i, j) => matrix[i * n + j]!), trace(square), fourth];
    assertClose([power(1), power(2), power(4)], wanted, 1e-12 * n ** 4);
  }));
});
