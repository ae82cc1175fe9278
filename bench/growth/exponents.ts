/** How fast costs grow with the work: exponents, and whether they are as the mathematics says. */

/** Costs over sizes. */
export interface Curve {
  /** What grows, and of what: `tokens per image of a training step`. */
  readonly what: string;
  readonly sizes: readonly number[];
  /** Of each size: seconds, or operations. */
  readonly costs: readonly number[];
}

/** An exponent above the expected one by more than this is no noise any more. */
export const TOLERANCE = 0.25;

/**
 * The least-squares slope of log cost over log size: 1 where twice the work costs twice as much.
 *
 * @throws {RangeError} fewer than two different sizes, or a cost or size that has no logarithm
 */
export function growthExponent({ sizes, costs }: Pick<Curve, "sizes" | "costs">): number {
  const x = sizes.map(Math.log), y = costs.map(Math.log);
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const meanX = mean(x), meanY = mean(y);
  const covariance = mean(x.map((value, i) => (value - meanX) * (y[i]! - meanY)));
  const variance = mean(x.map((value) => (value - meanX) ** 2));
  const slope = covariance / variance;
  if (Number.isFinite(slope)) return slope;
  throw new RangeError(
    `Cannot fit an exponent: wanted positive costs of two or more sizes, got ${costs.join(", ")} ` +
      `of ${sizes.join(", ")}`,
  );
}

/** What is wrong with a growth, as a sentence; nothing if it is at most as expected, up to {@link TOLERANCE}. */
export function flawOfGrowth(curve: Curve, expected: number): string | undefined {
  const exponent = growthExponent(curve);
  if (exponent <= expected + TOLERANCE) return undefined;
  return `Cost grows too fast with the ${curve.what}: wanted an exponent of at most ` +
    `${(expected + TOLERANCE).toFixed(2)} (${
      expected.toFixed(2)
    } by the mathematics and ${TOLERANCE} ` +
    `for noise), got ${exponent.toFixed(2)} from ${curve.sizes[0]} to ${curve.sizes.at(-1)}, ` +
    "profile the largest size";
}
