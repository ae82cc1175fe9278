/** What a step tells about the health of a run. */
export interface StepSigns {
  /** Counted from 0. */
  readonly step: number;
  readonly loss: number;
  /** Deviation of the pooled targets over the batch, and their mean cosine. */
  readonly targetStd: number;
  readonly targetCosine: number;
  /** The regularizer's term, without its weight, where there is one. */
  readonly regularizer?: number;
  /** L2 norm of all gradients together before they were clipped, where they are. */
  readonly gradientNorm?: number;
}

/** Steps that a value is averaged over before it counts. */
const WINDOW = 10;
/** Predicting nothing gives 0.42 (method.md section 5.1); good runs stay above this for most of their length. */
const LOSS_NEAR_ZERO = 0.01;
/** A low loss counts as early in this part of a run. */
const EARLY_FRACTION = 0.25;
/** Pooled targets that differ less than this over a batch say nothing about the images. */
const STD_NEAR_ZERO = 0.01;

/** Averages of the last steps. */
class Window {
  readonly #values: number[] = [];

  /** Adds a value; the mean once the window is full. */
  add(value: number): number | undefined {
    this.#values.push(value);
    if (this.#values.length > WINDOW) this.#values.shift();
    if (this.#values.length < WINDOW) return undefined;
    return this.#values.reduce((sum, each) => sum + each, 0) / WINDOW;
  }
}

/** Looks for early signs of a run that learns nothing. Each is told once. */
export class AlarmWatch {
  readonly #earlySteps: number;
  readonly #loss = new Window();
  readonly #std = new Window();
  readonly #told = new Set<string>();

  /** @param steps length of the whole run */
  constructor(steps: number) {
    this.#earlySteps = EARLY_FRACTION * steps;
  }

  /** Sentences for a person about what is wrong since this step. */
  check({ step, loss, targetStd, targetCosine }: StepSigns): string[] {
    const meanLoss = this.#loss.add(loss), meanStd = this.#std.add(targetStd);
    const found: string[] = [];
    if (step < this.#earlySteps && meanLoss !== undefined && meanLoss < LOSS_NEAR_ZERO) {
      found.push(...this.#once(
        "loss",
        `step ${step}: the loss is near zero early (${
          meanLoss.toPrecision(2)
        }), which is a warning and no success: ` +
          "the targets may depend on position alone; with small patches, raise model.patchEmbedStd",
      ));
    }
    if (meanStd !== undefined && meanStd < STD_NEAR_ZERO) {
      found.push(...this.#once(
        "std",
        `step ${step}: the targets hardly differ between images (deviation ${
          meanStd.toPrecision(2)
        }, ` +
          `mean cosine ${
            targetCosine.toPrecision(3)
          }), a sign of collapse: lower schedule.learningRate, ` +
          "raise schedule.emaStart or model.patchEmbedStd",
      ));
    }
    return found;
  }

  #once(name: string, text: string): string[] {
    if (this.#told.has(name)) return [];
    this.#told.add(name);
    return [text];
  }
}
