import assert from "node:assert/strict";

/** Fails unless two lists agree within an absolute tolerance. */
export function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { tolerance }: { readonly tolerance: number },
): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert.ok(
      difference <= tolerance,
      `element ${i}: wanted ${expected[i]}, got ${actual[i]} (difference ${difference})`,
    );
  }
}
