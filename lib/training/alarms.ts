/** Detects collapse and other signs that a run learns nothing. */
import { adviceAgainstCollapse, type Circumstances } from "./advice.ts";
import { RANK_ROWS } from "./effective_rank.ts";

/** Values of a step that show the health of a run. */
export interface StepSigns {
  /** Counted from 0. */
  readonly step: number;
  readonly loss: number;
  /** Deviation of the pooled targets over the batch, and their mean cosine. */
  readonly targetStd: number;
  readonly targetCosine: number;
  /** The regularizer's term, without its weight, if there is one. */
  readonly regularizer?: number;
  /** L2 norm of all gradients together before clipping, if they are clipped. */
  readonly gradientNorm?: number;
  /** Their effective rank, in steps that measure it. */
  readonly targetRank?: number;
}

/** Steps that a value is averaged over. */
const WINDOW = 10;
/** Measurements that the rank is averaged over. */
const RANK_WINDOW = 3;
/** Predicting nothing gives 0.42 (docs/method.md section 4.2); good runs stay above this for most of their length. */
const LOSS_NEAR_ZERO = 0.01;
/**
 * A low loss counts as early within this fraction of a run. A collapse after it counts even during a longer warm-up.
 */
const EARLY_FRACTION = 0.25;
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

/** A collapse that has held for a tenth of a run, within these bounds of steps, rarely ends; shorter ones did. */
const LASTING_FRACTION = 0.1;
const LASTING_STEPS = [50, 1000] as const;

/** Averages of the last values. */
class Window {
  readonly #values: number[] = [];
  readonly #length: number;

  constructor(length: number) {
    this.#length = length;
  }

  /** Adds a value, if there is one. */
  add(value: number | undefined): void {
    if (value === undefined) return;
    this.#values.push(value);
    if (this.#values.length > this.#length) this.#values.shift();
  }

  /** `undefined` until the window is full. */
  get mean(): number | undefined {
    if (this.#values.length < this.#length) return undefined;
    return this.#values.reduce((sum, each) => sum + each, 0) / this.#length;
  }
}

/** Detects early signs of a run that learns nothing, and reports each once. */
export class AlarmWatch {
  readonly #run: Circumstances;
  readonly #earlySteps: number;
  /** The largest possible rank. */
  readonly #mostRank: number;
  readonly #warmupSteps: number;
  readonly #loss = new Window(WINDOW);
  readonly #std = new Window(WINDOW);
  readonly #cosine = new Window(WINDOW);
  readonly #rank = new Window(RANK_WINDOW);
  readonly #told = new Set<string>();
  /** The first step of the present collapse. */
  #collapsedSince: number | undefined;
  #values = "";

  constructor(run: Circumstances) {
    const { config, plan: { steps, warmupSteps } } = run;
    this.#run = run;
    this.#mostRank = Math.min(config.run.batch, config.model.width, RANK_ROWS);
    this.#earlySteps = EARLY_FRACTION * steps;
    // Random networks give similar targets for similar pictures; only after the warm-up does this mean collapse.
    this.#warmupSteps = Math.min(warmupSteps, this.#earlySteps);
  }

  /** Messages about what is wrong since this step. */
  check(signs: StepSigns): string[] {
    const { objective, run } = this.#run.config;
    if (objective.targets === "pixels") return []; // Pixels cannot collapse.
    return [...this.#checkLoss(signs), ...run.batch > 1 ? this.#checkTargets(signs) : []];
  }

  #checkLoss({ step, loss }: StepSigns): string[] {
    this.#loss.add(loss);
    const { mean } = this.#loss;
    if (step >= this.#earlySteps || mean === undefined || mean >= LOSS_NEAR_ZERO) return [];
    return this.#once(
      "loss",
      `step ${step}: the loss is near zero early (${
        mean.toPrecision(2)
      }), which is a warning and no success: ` +
        `the targets may depend on position alone; ${adviceAgainstCollapse(this.#run)}`,
    );
  }

  #checkTargets({ step, targetStd, targetCosine, targetRank }: StepSigns): string[] {
    if (step < this.#warmupSteps) return [];
    this.#std.add(targetStd);
    this.#cosine.add(targetCosine);
    this.#rank.add(targetRank);
    const [std, cosine, rank] = [this.#std.mean, this.#cosine.mean, this.#rank.mean];
    if (std === undefined || cosine === undefined) return [];
    const isCollapsed = std < STD_NEAR_ZERO || cosine > COSINE_NEAR_ONE ||
      (rank ?? Infinity) < Math.min(RANK_NEAR_ONE, 1 + RANK_SHARE * this.#mostRank);
    if (!isCollapsed) {
      this.#collapsedSince = undefined;
      return [];
    }
    this.#collapsedSince ??= step;
    this.#values = `mean cosine ${cosine.toPrecision(3)}, deviation ${std.toPrecision(2)}` +
      (rank === undefined ? "" : `, effective rank ${rank.toPrecision(2)} of ${this.#mostRank}`);
    return this.#once(
      "targets",
      `step ${step}: the targets hardly differ between images (${this.#values}), a sign of collapse; ` +
        adviceAgainstCollapse(this.#run),
    );
  }

  /**
   * The message about a lasting collapse, until it is over.
   *
   * @param step the last one checked
   */
  lastingCollapse(step: number): string | undefined {
    const { steps } = this.#run.plan;
    const [least, most] = LASTING_STEPS;
    const wanted = Math.min(most, Math.max(least, Math.round(LASTING_FRACTION * steps)));
    const since = this.#collapsedSince;
    if (since === undefined || step - since < wanted) return undefined;
    return `since step ${since} the targets hardly differ between images (${this.#values})`;
  }

  #once(name: string, text: string): string[] {
    if (this.#told.has(name)) return [];
    this.#told.add(name);
    return [text];
  }
}
