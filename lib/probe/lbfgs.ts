/** L-BFGS for smooth convex functions. */

/** The value at a point; its gradient is written into `gradient`. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number | Promise<number>;

/** When to stop, and how to search. */
export interface MinimiseOptions {
  /** Stop when no element of the gradient is larger than this. */
  readonly tolerance: number;
  /** @default 1000 */
  readonly maxIterations?: number;
  /** Pairs of steps and gradient changes that are remembered. @default 10 */
  readonly memory?: number;
  /** Multiplies a vector in place by an approximation of the inverse Hessian. @default identity */
  readonly precondition?: (vector: Float64Array) => void;
  /** Rounding error of a value, relative to one plus the value. */
  readonly noise: number;
}

/** Where the search ended. */
export interface Minimum {
  readonly point: Float64Array;
  readonly value: number;
  readonly iterations: number;
  readonly evaluations: number;
  readonly converged: boolean;
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly product: number;
}

const SUFFICIENT_DECREASE = 1e-4;
const MAX_HALVINGS = 40;

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

/** The two-loop recursion (Nocedal and Wright, algorithm 7.4) around a preconditioner. */
function descentDirection(
  gradient: Float64Array,
  pairs: readonly Pair[],
  { precondition }: MinimiseOptions,
): Float64Array {
  const direction = gradient.map((value) => -value);
  const shares: number[] = [];
  for (const { step, change, product } of pairs.toReversed()) {
    const share = dot(step, direction) / product;
    shares.push(share);
    for (let i = 0; i < direction.length; i++) direction[i]! -= share * change[i]!;
  }
  precondition?.(direction);
  const newest = pairs.at(-1);
  if (newest) {
    const scaled = newest.change.slice();
    precondition?.(scaled);
    const scale = newest.product / dot(newest.change, scaled);
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { step, change, product } of pairs) {
    const share = shares.pop()! - dot(change, direction) / product;
    for (let i = 0; i < direction.length; i++) direction[i]! += share * step[i]!;
  }
  return direction;
}

/**
 * Minimises a smooth convex function by L-BFGS (Nocedal and Wright, algorithm 7.5). A convex function needs no
 * curvature condition, so the line search only backtracks, by quadratic interpolation.
 */
export async function minimise(
  objective: Objective,
  start: Float64Array,
  options: MinimiseOptions,
): Promise<Minimum> {
  const { tolerance, maxIterations = 1000, memory = 10, noise } = options;
  const pairs: Pair[] = [];
  let point = start.slice();
  let gradient = new Float64Array(point.length);
  let value = await objective(point, gradient);
  let iterations = 0, evaluations = 1;
  while (largest(gradient) > tolerance && iterations < maxIterations) {
    let direction = descentDirection(gradient, pairs, options);
    let slope = dot(gradient, direction);
    if (!(slope < 0)) { // Rounding spoilt the memory: start again from the gradient.
      pairs.length = 0;
      direction = descentDirection(gradient, pairs, options);
      slope = dot(gradient, direction);
    }
    // Without curvature information the first step is kept short unless a preconditioner gives the scale.
    let length = pairs.length === 0 && !options.precondition
      ? Math.min(1, 1 / Math.sqrt(-slope))
      : 1;
    let accepted: { point: Float64Array; gradient: Float64Array; value: number } | undefined;
    for (let tries = 0; tries < MAX_HALVINGS; tries++) {
      const tried = point.map((x, i) => x + length * direction[i]!);
      const gradientThere = new Float64Array(point.length);
      const valueThere = await objective(tried, gradientThere);
      evaluations++;
      const allowed = SUFFICIENT_DECREASE * length * slope + noise * (1 + Math.abs(value));
      if (valueThere <= value + allowed) {
        accepted = { point: tried, gradient: gradientThere, value: valueThere };
        break;
      }
      const quadratic = -slope * length * length / (2 * (valueThere - value - slope * length));
      length = Number.isFinite(quadratic)
        ? Math.min(Math.max(quadratic, 0.1 * length), 0.5 * length)
        : 0.1 * length;
    }
    if (!accepted) break; // No descent left above rounding.
    const step = accepted.point.map((x, i) => x - point[i]!);
    const change = accepted.gradient.map((g, i) => g - gradient[i]!);
    const product = dot(step, change);
    if (product > 0) pairs.push({ step, change, product });
    if (pairs.length > memory) pairs.shift();
    ({ point, gradient, value } = accepted as {
      point: Float64Array<ArrayBuffer>;
      gradient: Float64Array<ArrayBuffer>;
      value: number;
    });
    iterations++;
  }
  return { point, value, iterations, evaluations, converged: largest(gradient) <= tolerance };
}
