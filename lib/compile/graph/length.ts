/**
 * Axis lengths that follow named lengths: polynomials such as `64 context + 4 context targets`, with integer
 * coefficients and each name at most once per product. A length without names is a plain number.
 */

/** A product of names, sorted and joined with a space, to its coefficient; never only the constant term. */
export type Polynomial = ReadonlyMap<string, number>;

/** A known length, or one that depends on named lengths. */
export type Length = number | Polynomial;

/** Values for the named lengths. */
export type Bindings = Readonly<Record<string, number>>;

/** A length from its terms; plain when nothing depends on a name. */
function lengthOf(terms: Map<string, number>): Length {
  for (const [product, coefficient] of terms) if (coefficient === 0) terms.delete(product);
  if (terms.size === 0) return 0;
  return terms.size === 1 && terms.has("") ? terms.get("")! : terms;
}

/** The number that a length has when the names are bound. */
export function evaluate(length: Length, bindings: Bindings): number {
  if (typeof length === "number") return length;
  let total = 0;
  for (const [product, coefficient] of length) {
    const factors = product === "" ? [] : product.split(" ");
    total += factors.reduce((value, name) => value * bindings[name]!, coefficient);
  }
  return total;
}

/** The product of lengths; 1 of none. */
export function productOf(lengths: readonly Length[]): Length {
  return lengths.reduce<Length>((a, b) => {
    if (typeof a === "number" && typeof b === "number") return a * b;
    const terms = new Map<string, number>();
    for (const [left, x] of termsOf(a)) {
      for (const [right, y] of termsOf(b)) {
        const product = `${left} ${right}`.split(" ").filter(Boolean).sort().join(" ");
        terms.set(product, (terms.get(product) ?? 0) + x * y);
      }
    }
    return lengthOf(terms);
  }, 1);
}

function termsOf(length: Length): Polynomial {
  return typeof length === "number" ? new Map([["", length]]) : length;
}

/** Whether two lengths are the same for all values of the names. */
export function sameLength(a: Length, b: Length): boolean {
  return a === b || printLength(a) === printLength(b);
}

/** The text of a length: `64`, `context`, `4 context + 16`. */
export function printLength(length: Length): string {
  if (typeof length === "number") return String(length);
  return [...length]
    .map(([product, coefficient]) =>
      product === "" ? `${coefficient}` : coefficient === 1 ? product : `${coefficient} ${product}`
    )
    .join(" + ");
}

/**
 * Sample values for the named lengths: all corners of a box (two values per name), then one point off the corners
 * that checks the fit. The values are distinct primes, so that no length equals another by accident.
 */
export function samplePoints(names: readonly string[]): Bindings[] {
  const primes = [11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];
  const low = names.map((_, axis) => primes[3 * axis]!);
  const high = names.map((_, axis) => primes[3 * axis + 1]!);
  const corners = Array.from(
    { length: 2 ** names.length },
    (_, corner) => names.map((name, axis) => [name, (corner >> axis & 1 ? high : low)[axis]!]),
  );
  const check = names.map((name, axis) => [name, primes[3 * axis + 2]!]);
  return [...corners, check].map((entries) => Object.fromEntries(entries));
}

/**
 * The length that takes the given values at the points of {@link samplePoints}, or `undefined` when no
 * multilinear polynomial with integer coefficients does.
 */
export function fitLength(
  values: readonly number[],
  names: readonly string[],
  points: readonly Bindings[],
): Length | undefined {
  if (values.every((value) => value === values[0])) return values[0];
  const corners = values.slice(0, -1);
  // Newton's divided differences, one axis after the other, turn corner values into coefficients.
  const coefficients = [...corners];
  names.forEach((name, axis) => {
    const low = points[0]![name]!, high = points[1 << axis]![name]!;
    for (let corner = 0; corner < corners.length; corner++) {
      if (!(corner >> axis & 1)) continue;
      const below = corner & ~(1 << axis);
      const slope = (coefficients[corner]! - coefficients[below]!) / (high - low);
      coefficients[corner] = slope;
      coefficients[below] = coefficients[below]! - slope * low;
    }
  });
  if (!coefficients.every(Number.isInteger)) return undefined;
  const terms = new Map<string, number>();
  coefficients.forEach((coefficient, corner) => {
    terms.set(names.filter((_, axis) => corner >> axis & 1).sort().join(" "), coefficient);
  });
  const fitted = lengthOf(terms);
  return evaluate(fitted, points.at(-1)!) === values.at(-1) ? fitted : undefined;
}
