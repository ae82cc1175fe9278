/** What the table of monitors says of each: where it is shown, what computes it, and what warns of it. */
import type * as tf from "@tensorflow/tfjs";
import type { PretrainConfig } from "../../config/settings.ts";
import type { StepHyper } from "../schedules.ts";

/** A sign that something is wrong, from a mean over the last values. */
export interface Sign {
  /** How many values are averaged. */
  readonly over: number;
  /** Whether a mean is such a sign. */
  isSeen(mean: number, config: PretrainConfig): boolean;
  /** A mean in words, part of a warning. */
  inWords(mean: number, config: PretrainConfig): string;
}

/** How a monitor is shown, and what warns of it. */
interface Shown {
  /** Of its values; 1 for plain numbers. */
  readonly unit: string;
  /** What it is called in TensorBoard. @default not shown there */
  readonly tag?: string;
  /** In which runs or steps it is there. @default all */
  readonly only?: string;
  /** Significant digits in files. @default all */
  readonly digits?: number;
  /** Differs whenever a run is repeated. @default false */
  readonly wallClock?: true;
  /** Its part of the progress line. @default none */
  progress?(value: number, config: PretrainConfig): string;
  /** What it is called when a value that is not a finite number ends the run. @default such values pass */
  readonly finite?: string;
  /** Warns in the first quarter of a run. */
  readonly early?: Sign;
  /** A sign of collapse after the warm-up; `place` is its place in the warning. */
  readonly collapse?: Sign & { readonly place: number };
}

/** What monitors may be computed from, by what computes them. */
export interface Sources {
  /** The program of a part's gradients, see `gradientProgram`; the mean over all parts is the monitor's value. */
  readonly gradients: { readonly loss: tf.Tensor };
  /** The program of the term over a batch, see `Regularizing`. */
  readonly regularizer: { readonly term: tf.Tensor };
  /** The program of the update: pooled targets [B T]; norm of all gradients before clipping, if they are clipped. */
  readonly update: { readonly pooled: tf.Tensor; readonly norm: tf.Tensor | undefined };
  /** JavaScript, from the values of the pooled targets [B T]. */
  readonly trainer: { readonly pooled: ArrayLike<number>; readonly width: number };
  /** JavaScript, from what the training loop knows of a step: images B, wall clock and waiting for images in seconds. */
  readonly loop: {
    readonly hyper: StepHyper;
    readonly contextTokens: number;
    readonly targetTokens: number;
    readonly batch: number;
    readonly seconds: number;
    readonly waitSeconds: number;
  };
}

/** What computes monitors. */
export type Source = keyof Sources;

/** What a monitor is when it is computed. */
interface Made {
  readonly gradients: tf.Tensor;
  readonly regularizer: tf.Tensor;
  /** None where the step lacks what it is computed from. */
  readonly update: tf.Tensor | undefined;
  readonly trainer: number;
  readonly loop: number;
}

/** A row of the table, of a monitor that `by` computes. */
export type RowBy<B extends Source> =
  & Shown
  & {
    readonly by: B;
    /** The monitor: a scalar, or a number. */
    of(source: Sources[B]): Made[B];
  }
  // Steps from one measurement to the next: what JavaScript makes of the targets takes time.
  & (B extends "trainer" ? { readonly every: number } : unknown);

/** A row of the table. */
export type Row = { readonly [B in Source]: RowBy<B> }[Source];
