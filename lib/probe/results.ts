/** The types of a probe's results. */
import type { Interval } from "./metrics.ts";
import type { Method, Task } from "./labels.ts";

/** The value that is tuned on held-out training rows, under scikit-learn's name. */
export interface Strength {
  readonly name: "C" | "k" | "alpha";
  readonly value: number;
  /** The best value is the first or last of the grid: a better one may be outside. */
  readonly atGridEdge: boolean;
}

/** The scores of one method on one label. */
export interface MethodResult {
  readonly method: Method;
  readonly strength: Strength;
  /**
   * Score on the held-out training rows, by which strength and best method are chosen: accuracy, or
   * 1 - (mean squared error) / (variance of the training targets).
   */
  readonly validationScore: number;
  /** Accuracy or R² on the test rows. */
  readonly score: number;
  /** 95 % bootstrap interval of the score. */
  readonly interval: Interval;
  readonly balancedAccuracy?: number;
  /** Only with more than five classes. */
  readonly top5Accuracy?: number;
  /** Share of the test rows of every class that is predicted. */
  readonly recalls?: Readonly<Record<string, number>>;
  /** In the unit of the label. */
  readonly meanAbsoluteError?: number;
  readonly grid: readonly { readonly strength: number; readonly validationScore: number }[];
}

/** The scores of all methods on one label. */
export interface LabelResult {
  readonly label: string;
  readonly task: Task;
  readonly metric: "accuracy" | "r2";
  /** Rows with a value. */
  readonly trainRows: number;
  readonly testRows: number;
  /** Score of always predicting the commonest training class, or the training mean. */
  readonly baseline: number;
  readonly baselineMeanAbsoluteError?: number;
  /** Rows of every class. */
  readonly classes?: readonly {
    readonly name: string;
    readonly train: number;
    readonly test: number;
  }[];
  /** The method with the best validation score. */
  readonly best: Method;
  readonly methods: readonly MethodResult[];
  readonly warnings: readonly string[];
}

/** The predictions of one method for every test row of a label. */
export interface MethodPredictions {
  readonly method: Method;
  /** Class place, or number. */
  readonly values: Int32Array | Float64Array;
  /** Probability of the predicted class; only for classes. */
  readonly confidence?: Float64Array;
}

/** A linear map on embeddings as they are (not standardised): scores = weights · embedding + biases. */
export interface LinearWeights {
  readonly method: Method;
  /** [C D], one row for a regression */
  readonly weights: Float32Array<ArrayBuffer>;
  /** [C] */
  readonly biases: Float32Array<ArrayBuffer>;
}

/** One method's part of a label. */
export interface MethodRun {
  readonly result: MethodResult;
  readonly predictions: MethodPredictions;
  readonly linear?: LinearWeights;
}

/** The method with the best validation score, the first of equals. */
export function bestMethod(runs: readonly MethodRun[]): Method {
  return runs.reduce((best, run) =>
    run.result.validationScore > best.result.validationScore ? run : best
  ).result.method;
}
