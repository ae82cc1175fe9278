/**
 * The monitors of a step: one table, and the record of their values that flows from the programs of a step through
 * trainer and loop to `metrics.jsonl`, TensorBoard, the progress line and the alarms. A new monitor is a value in
 * `MonitorsBy` and its row. What each means is in docs/monitors.md.
 */
import type { PretrainConfig } from "../config/settings.ts";
import { effectiveRank, RANK_ROWS } from "./monitors/effective_rank.ts";
import type { Row, RowBy, Source } from "./monitors/row.ts";
import { meanCosine, meanDeviation } from "./monitors/spread.ts";

/** The values of a step's monitors, by what computes them, see `Sources`. */
export interface MonitorsBy {
  readonly gradients: {
    /** Between predictions and targets, mean over every element. */
    readonly loss: number;
  };
  readonly regularizer: {
    /** The term of `objective.regularizer` over the batch, without its weight. */
    readonly regularizer?: number;
  };
  readonly update: {
    /** L2 norm of all gradients together before clipping. */
    readonly gradient_norm?: number;
    /** See `meanDeviation` and `meanCosine`. */
    readonly target_std: number;
    readonly target_cosine: number;
  };
  readonly trainer: {
    /** See `effectiveRank`; of the pooled targets. */
    readonly target_rank?: number;
  };
  readonly loop: {
    /** Learning rate, weight decay and EMA momentum of this step. */
    readonly lr: number;
    readonly weight_decay: number;
    readonly ema_momentum: number;
    /** Tokens Kc of each context and Kt of each target block. */
    readonly context_tokens: number;
    readonly target_tokens: number;
    /** Wall clock of the whole step. */
    readonly seconds: number;
    readonly images_per_second: number;
    /** Share of the step spent waiting for images. */
    readonly data_wait_fraction: number;
  };
}

/** The values of a step's monitors. Those that only some runs or steps have may be absent. */
export type Monitors =
  & MonitorsBy["gradients"]
  & MonitorsBy["regularizer"]
  & MonitorsBy["update"]
  & MonitorsBy["trainer"]
  & MonitorsBy["loop"];

/** The name of a monitor, in `metrics.jsonl` and everywhere. */
export type MonitorName = keyof Monitors;

/** The rows of the monitors that one source computes. Those that may be absent say when they are there. */
type RowsBy<B extends Source> = {
  readonly [N in keyof MonitorsBy[B]]-?: undefined extends MonitorsBy[B][N]
    ? RowBy<B> & { readonly only: string }
    : RowBy<B>;
};

type Table =
  & RowsBy<"gradients">
  & RowsBy<"regularizer">
  & RowsBy<"update">
  & RowsBy<"trainer">
  & RowsBy<"loop">;

/** Steps that a sign is averaged over. */
const WINDOW = 10;
/** Measurements that the rank is averaged over. */
const RANK_WINDOW = 3;
/**
 * Steps between two measurements of the rank, which changes over hundreds of steps. One takes 0.1 ms for 32 images of
 * width 128 and 4 ms for 128 of width 192: less than a hundredth of the time of a step.
 */
const RANK_STEPS = 10;

/** Predicting nothing gives 0.42 (docs/method.md section 4.2); good runs stay above this for most of their length. */
const LOSS_NEAR_ZERO = 0.01;
/** Pooled targets that differ less than this over a batch carry no information about the images. */
const STD_NEAR_ZERO = 0.01;
/**
 * Pooled targets of two images as similar as this carry next to no information. Plain pictures reach 0.9 without harm.
 */
const COSINE_NEAR_ONE = 0.98;
/**
 * A rank is near 1 below this, of batches of 28 images and more. A run that ended below its random start in probes, with
 * a cosine of 0.96, had 2.5 of 32 and 2.3 at the lowest; runs that learned had 5.9 at the lowest.
 */
const RANK_NEAR_ONE = 2.75;
/** Of n images a rank is near 1 below 1 + n / 16: two may be alike by chance. */
const RANK_SHARE = 1 / 16;

/** The largest possible rank. */
function mostRank({ run, model }: PretrainConfig): number {
  return Math.min(run.batch, model.width, RANK_ROWS);
}

/** All monitors, by their names in `metrics.jsonl` and in its order. */
export const MONITORS: Table = {
  loss: {
    by: "gradients",
    of: ({ loss }) => loss,
    unit: "1",
    tag: "train/loss",
    progress: (loss) => `loss ${loss.toFixed(4)}`,
    finite: "loss",
    early: {
      over: WINDOW,
      isSeen: (mean) => mean < LOSS_NEAR_ZERO,
      inWords: (mean) =>
        `the loss is near zero early (${
          mean.toPrecision(2)
        }), which is a warning and no success: ` +
        "the targets may depend on position alone",
    },
  },
  regularizer: {
    by: "regularizer",
    of: ({ term }) => term,
    unit: "1",
    tag: "train/regularizer",
    only: "with objective.regularizer",
    progress: (term, { objective }) => `${objective.regularizer} ${term.toPrecision(3)}`,
    finite: "regularizer",
  },
  gradient_norm: {
    by: "update",
    of: ({ norm }) => norm,
    unit: "1",
    tag: "train/gradient_norm",
    only: "with optimizer.clipNorm",
    progress: (norm) => `gradient ${norm.toPrecision(3)}`,
    finite: "gradients' norm",
  },
  lr: {
    by: "loop",
    of: ({ hyper }) => hyper.learningRate,
    unit: "1",
    tag: "schedule/lr",
  },
  weight_decay: {
    by: "loop",
    of: ({ hyper }) => hyper.weightDecay,
    unit: "1",
    tag: "schedule/weight_decay",
  },
  ema_momentum: {
    by: "loop",
    of: ({ hyper }) => hyper.emaMomentum,
    unit: "1",
    tag: "schedule/ema_momentum",
  },
  context_tokens: {
    by: "loop",
    of: ({ contextTokens }) => contextTokens,
    unit: "tokens",
    tag: "masks/context_tokens",
  },
  target_tokens: {
    by: "loop",
    of: ({ targetTokens }) => targetTokens,
    unit: "tokens",
    tag: "masks/target_tokens",
  },
  target_std: {
    by: "update",
    of: ({ pooled }) => meanDeviation(pooled),
    unit: "1",
    tag: "targets/std",
    collapse: {
      place: 2,
      over: WINDOW,
      isSeen: (mean) => mean < STD_NEAR_ZERO,
      inWords: (mean) => `deviation ${mean.toPrecision(2)}`,
    },
  },
  target_cosine: {
    by: "update",
    of: ({ pooled }) => meanCosine(pooled),
    unit: "1",
    tag: "targets/cosine",
    collapse: {
      place: 1,
      over: WINDOW,
      isSeen: (mean) => mean > COSINE_NEAR_ONE,
      inWords: (mean) => `mean cosine ${mean.toPrecision(3)}`,
    },
  },
  target_rank: {
    by: "trainer",
    every: RANK_STEPS,
    of: ({ pooled, width }) => effectiveRank(pooled, width),
    unit: "1",
    tag: "targets/rank",
    only: "in every tenth step",
    digits: 6,
    progress: (rank) => `rank ${rank.toPrecision(3)}`,
    collapse: {
      place: 3,
      over: RANK_WINDOW,
      isSeen: (mean, config) => mean < Math.min(RANK_NEAR_ONE, 1 + RANK_SHARE * mostRank(config)),
      inWords: (mean, config) => `effective rank ${mean.toPrecision(2)} of ${mostRank(config)}`,
    },
  },
  seconds: {
    by: "loop",
    of: ({ seconds }) => seconds,
    unit: "s",
    digits: 4,
    wallClock: true,
  },
  images_per_second: {
    by: "loop",
    of: ({ batch, seconds }) => batch / seconds,
    unit: "images/s",
    tag: "speed/images_per_second",
    digits: 4,
    wallClock: true,
  },
  data_wait_fraction: {
    by: "loop",
    of: ({ seconds, waitSeconds }) => waitSeconds / seconds,
    unit: "1",
    tag: "speed/data_wait_fraction",
    digits: 3,
    wallClock: true,
  },
};

/** All rows with their names, in the order of the table. */
export const MONITOR_ROWS = Object.entries(MONITORS) as readonly (readonly [MonitorName, Row])[];
