/**
 * Terms against collapse: the context encoder's outputs for a batch should vary, in every direction. Each has its value
 * over all samples of a batch, and its gradient for every sample.
 */

import * as tf from "@tensorflow/tfjs";
import type { RegularizerSettings } from "../config/objective.ts";
import { RandomStream } from "../random/mod.ts";
import { type FloatTensor, floatTensor } from "../tensor.ts";

/** A term beside the loss. */
export interface Regularizer {
  readonly term: keyof typeof TERMS;
  readonly on: RegularizerSettings["regularizerOn"];
  readonly weight: number;
  /** Decides random directions, together with the step. */
  readonly seed: number;
}

/** The term of these settings. */
export function regularizerOf(
  { regularizer, regularizerOn, regularizerWeight }: RegularizerSettings,
  seed: number,
): Regularizer | undefined {
  if (regularizer === "none") return undefined;
  return { term: regularizer, on: regularizerOn, weight: regularizerWeight, seed };
}

/** A term over samples, scalar, and its gradient for every value of them, [n D]. */
export interface TermAndSlope {
  readonly value: tf.Tensor;
  readonly slope: tf.Tensor;
}

/** Added to variances before the square root. */
const VARIANCE_EPSILON = 1e-4;
/** The paper's share of covariances: 1 beside 25 of variances. */
const COVARIANCE_SHARE = 1 / 25;

/**
 * Variance and covariance (Bardes, Ponce and LeCun, arXiv 2105.04906, equations 1 to 4): by how much deviations fall
 * short of 1, mean over features, plus a 25th of the squared covariances of different features, sum over D.
 *
 * @param samples [n D], n at least 2
 */
export function vicreg(samples: tf.Tensor): TermAndSlope {
  const [count, width] = samples.shape as [number, number];
  const centred = tf.sub(samples, tf.div(tf.sum(samples, 0), count));
  const variance = tf.div(tf.sum(tf.square(centred), 0), count - 1);
  const deviation = tf.sqrt(tf.add(variance, VARIANCE_EPSILON));
  const shortfall = tf.relu(tf.sub(1, deviation));
  const covariance = tf.div(tf.matMul(centred, centred, true), count - 1);
  const numbers = Array.from({ length: width }, (_, i) => i);
  const isDiagonal = tf.equal(tf.tensor2d(numbers, [width, 1]), tf.tensor2d(numbers, [1, width]));
  const others = tf.mul(covariance, tf.sub(1, tf.cast(isDiagonal, "float32")));
  const value = tf.add(
    tf.mean(shortfall),
    tf.mul(tf.sum(tf.sum(tf.square(others), -1)), COVARIANCE_SHARE / width),
  );
  // Both sums of centred values are 0, so the mean that was subtracted changes nothing.
  const perFeature = tf.div(tf.mul(tf.step(shortfall), -1 / width), deviation);
  const perPair = tf.mul(tf.matMul(centred, others), 4 * COVARIANCE_SHARE / width);
  return { value, slope: tf.div(tf.add(tf.mul(centred, perFeature), perPair), count - 1) };
}

/** Random directions of a step. */
export const DIRECTIONS = 256;
/** Frequencies t at which characteristic functions are compared: 0 and so many up to the last. */
const FREQUENCIES = 16, LAST_FREQUENCY = 3;
const SPACING = LAST_FREQUENCY / FREQUENCIES;

interface Complex {
  readonly real: tf.Tensor;
  readonly imaginary: tf.Tensor;
}

function times(a: Complex, b: Complex): Complex {
  return {
    real: tf.sub(tf.mul(a.real, b.real), tf.mul(a.imaginary, b.imaginary)),
    imaginary: tf.add(tf.mul(a.real, b.imaginary), tf.mul(a.imaginary, b.real)),
  };
}

function plus(a: Complex, b: Complex): Complex {
  return { real: tf.add(a.real, b.real), imaginary: tf.add(a.imaginary, b.imaginary) };
}

/**
 * The sketched test for isotropic Gaussians (Balestriero and LeCun, arXiv 2511.08544): along each direction the statistic
 * of Epps and Pulley, the integral over t of |mean of e^{itx} - e^{-t²/2}|² e^{-t²/2}, times n; mean over directions.
 * The integral is a trapezoid rule of 17 values from 0 to 3, doubled for negative t.
 *
 * @param samples [n D]
 * @param directions of length 1, [R D]
 */
export function sigreg(samples: tf.Tensor, directions: tf.Tensor): TermAndSlope {
  const count = samples.shape[0]!, columns = directions.shape[0]!;
  const projected = tf.matMul(samples, directions, false, true); // [n R]
  const angle = tf.mul(projected, SPACING);
  // One sine and cosine for all frequencies, which are multiples of the first: powers of e^{i angle}.
  const turn: Complex = { real: tf.cos(angle), imaginary: tf.sin(angle) };
  let power = turn;
  let distance: tf.Tensor | undefined;
  const pulls: Complex[] = [];
  for (let k = 1; k <= FREQUENCIES; k++) {
    const t = k * SPACING, normal = Math.exp(-t * t / 2);
    const weight = normal * SPACING * (k === FREQUENCIES ? 1 : 2);
    const off: Complex = { // [R]
      real: tf.sub(tf.div(tf.sum(power.real, 0), count), normal),
      imaginary: tf.div(tf.sum(power.imaginary, 0), count),
    };
    const squared = tf.add(tf.square(off.real), tf.square(off.imaginary));
    const term = tf.mul(squared, weight);
    distance = distance === undefined ? term : tf.add(distance, term);
    // The slope of this term is the real part of e^{itx} times this.
    const strength = 2 * weight * t / columns;
    pulls.push({ real: tf.mul(off.imaginary, strength), imaginary: tf.mul(off.real, strength) });
    if (k < FREQUENCIES) power = times(power, turn);
  }
  // From the last to the first (Horner), so that no power has to be kept.
  const pull = pulls.reduceRight((sum, each) => plus(times(sum, turn), each));
  const slope = tf.sub(tf.mul(pull.real, turn.real), tf.mul(pull.imaginary, turn.imaginary));
  return { value: tf.mul(tf.mean(distance!), count), slope: tf.matMul(slope, directions) };
}

/** Terms by name. */
const TERMS = { vicreg, sigreg } as const;

/** The term over samples [n D]. @param directions [R D], for `sigreg` */
export function termOf(
  { term }: Pick<Regularizer, "term">,
  samples: tf.Tensor,
  directions: tf.Tensor | undefined,
): TermAndSlope {
  return TERMS[term](samples, directions!);
}

/** The directions that `sigreg` projects on in a step: random, of length 1, [R D]. */
export function directionsOf(
  { seed, step, width }: { readonly seed: number; readonly step: number; readonly width: number },
): FloatTensor {
  const random = new RandomStream({ seed, purpose: "directions", step });
  const directions = floatTensor([DIRECTIONS, width]);
  for (let at = 0; at < directions.data.length; at += width) {
    const values = Array.from({ length: width }, () => random.normal());
    const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    directions.data.set(values.map((value) => value / length), at);
  }
  return directions;
}

/** The samples of a part of a batch. @param context rows [B Kc, D] @returns [B D] or [B Kc D] */
export function samplesOf(
  context: tf.Tensor,
  { batch, on }: { readonly batch: number; readonly on: Regularizer["on"] },
): tf.Tensor {
  const tokens = tf.reshape(context, [batch, -1, context.shape[1]!]);
  return on === "pooled" ? tf.mean(tokens, 1) : tokens;
}

/**
 * The loss with the gradient of the loss plus the sum of samples times slope: the contribution of a part to the
 * gradient of a term over the whole batch (gradient caching, Gao et al., arXiv 2101.06983).
 */
export function withSlope(loss: tf.Scalar, samples: tf.Tensor, slope: tf.Tensor): tf.Scalar {
  const apply = tf.customGrad((...args) => {
    const [loss] = args as [tf.Tensor];
    return { value: tf.clone(loss), gradFunc: (dy) => [dy, tf.mul(slope, dy)] };
  });
  return apply(loss, samples) as tf.Scalar;
}
