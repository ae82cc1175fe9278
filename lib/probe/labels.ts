/** Reads labels from feature files, and chooses task and methods for each. */
import type { LabelValues } from "../formats/arrow.ts";
import { Failure } from "../failure.ts";
import { suggestion } from "../nearest.ts";
import type { NamedFeatures } from "./checks.ts";

/** What to predict: one of several classes, or a number. */
export type Task = "classify" | "regress";

/** How to predict it. */
export type Method = "logistic" | "knn" | "ridge";

/** Methods of each task, in the order of the table. */
export const METHODS: Readonly<Record<Task, readonly Method[]>> = {
  classify: ["logistic", "knn"],
  regress: ["ridge", "knn"],
};

/** The user's choices; `undefined` ones are made from the data. */
export interface Choices {
  readonly label: string | undefined;
  readonly task: Task | undefined;
  readonly method: Method | undefined;
}

interface LabelRows {
  readonly label: string;
  /** Rows of the training features that have a value, ascending. */
  readonly trainRows: Uint32Array<ArrayBuffer>;
  readonly testRows: Uint32Array<ArrayBuffer>;
}

/** A label that is ready to be predicted as a class. */
export interface ClassLabel extends LabelRows {
  readonly task: "classify";
  /** Names of the classes: those of the training rows first, then those that only test rows have. */
  readonly classes: readonly string[];
  /** C, how many classes the training rows have. */
  readonly classCount: number;
  /** Class of every training row in `trainRows`. */
  readonly train: Int32Array<ArrayBuffer>;
  readonly test: Int32Array<ArrayBuffer>;
}

/** A label that is ready to be predicted as a number. */
export interface NumberLabel extends LabelRows {
  readonly task: "regress";
  /** Value of every training row in `trainRows`. */
  readonly train: Float64Array<ArrayBuffer>;
  readonly test: Float64Array<ArrayBuffer>;
}

/** A number label with at most this many different whole numbers holds classes, such as counts. */
const MOST_COUNTS = 20;
/** More classes than this in a number label are assumed to be a mistake. */
const MOST_NUMBER_CLASSES = 1000;

/** Squares of larger numbers, summed, are more than a float64 holds; those of closer ones are nothing. */
const LARGEST_NUMBER = 1e100, SMALLEST_SPREAD = 1e-100;

/** So that two rows can be held out. */
const FEWEST_REGRESSION_ROWS = 10;

function refuse(text: string, kind: "data" | "usage" = "data"): never {
  throw new Failure(kind, `Cannot probe: ${text}`);
}

/** The label columns that both files have, or fails. */
function commonLabels(train: NamedFeatures, test: NamedFeatures): string[] {
  const names = [...train.features.labels.keys()];
  const common = names.filter((name) => test.features.labels.has(name));
  if (names.length === 0) {
    refuse(`"${train.path}" has no label column, shard the images with class folders or --labels`);
  }
  if (common.length === 0) {
    refuse(
      `no label of "${train.path}" (${names.join(", ")}) is in "${test.path}" ` +
        `(${[...test.features.labels.keys()].join(", ") || "none"})`,
    );
  }
  return common;
}

/**
 * The labels to probe: the requested one, or all that both files have.
 *
 * @throws {Failure} `data`: the requested label does not exist, or there is none
 */
export function labelsToProbe(
  train: NamedFeatures,
  test: NamedFeatures,
  { label }: Choices,
): readonly string[] {
  if (label === undefined) return commonLabels(train, test);
  for (const { path, features } of [train, test]) {
    if (features.labels.has(label)) continue;
    const names = [...features.labels.keys()];
    const hint = names.length === 0
      ? ", it has no label columns"
      : `${suggestion(label, names)} (labels: ${names.join(", ")})`;
    refuse(`"${path}" has no label "${label}"${hint}`);
  }
  return [label];
}

/** Counts are classes; measurements are not. */
function defaultTask({ type, values }: LabelValues): Task {
  if (type === "class") return "classify";
  const present = values.filter((value) => value !== null);
  const distinct = new Set(present);
  const counts = distinct.size <= Math.min(MOST_COUNTS, present.length / 2) &&
    present.every(Number.isInteger);
  return counts ? "classify" : "regress";
}

function taskOf(label: string, values: LabelValues, { task, method }: Choices): Task {
  if (task === "regress" && values.type === "class") {
    refuse(`label "${label}" holds class names, which --task regress cannot predict`, "usage");
  }
  const byMethod = method === "logistic"
    ? "classify"
    : method === "ridge" && values.type === "number"
    ? "regress"
    : undefined;
  const chosen = task ?? byMethod ?? defaultTask(values);
  if (method !== undefined && !METHODS[chosen].includes(method)) {
    refuse(
      `--method ${method} cannot ${chosen} label "${label}", methods for that are ` +
        METHODS[chosen].join(" and "),
      "usage",
    );
  }
  return chosen;
}

/** Positions of the values that are known. */
function rowsWithValue(
  { path, features }: NamedFeatures,
  label: string,
): { rows: Uint32Array<ArrayBuffer>; values: (string | number)[] } {
  const all = features.labels.get(label)!.values;
  const rows: number[] = [], values: (string | number)[] = [];
  all.forEach((value, row) => {
    if (value === null) return;
    rows.push(row);
    values.push(value);
  });
  if (rows.length === 0) refuse(`label "${label}" has no value in any row of "${path}"`);
  return { rows: Uint32Array.from(rows), values };
}

/** Fails on numbers that cannot be fitted: infinite, too large, or too close together. */
function expectComputable(
  label: string,
  { path, features }: NamedFeatures,
  { rows, values }: { readonly rows: Uint32Array; readonly values: readonly number[] },
): void {
  const place = values.findIndex((value) => !(Math.abs(value) <= LARGEST_NUMBER));
  if (place >= 0) {
    refuse(
      `label "${label}" is ${values[place]} in row ${rows[place]} of "${path}" ` +
        `(key "${
          features.keys[rows[place]!]
        }"), wanted at most ${LARGEST_NUMBER}, correct or scale it`,
    );
  }
  const [least, most] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [
    Infinity,
    -Infinity,
  ] as [number, number]);
  if (most - least >= SMALLEST_SPREAD) return;
  refuse(`label "${label}" varies by ${most - least} in "${path}", scale it`);
}

/** Class names in order: numbers by value, names by code point. */
function sortedNames(values: readonly (string | number)[]): string[] {
  const distinct = [...new Set(values)];
  return distinct.sort((a, b) => a < b ? -1 : a > b ? 1 : 0).map(String);
}

/**
 * Reads a label from both files into targets.
 *
 * @throws {Failure} `data` or `usage`: nothing to learn or nothing to score; task or method does not fit
 */
export function readLabel(
  train: NamedFeatures,
  test: NamedFeatures,
  { label, choices }: { readonly label: string; readonly choices: Choices },
): ClassLabel | NumberLabel {
  const task = taskOf(label, train.features.labels.get(label)!, choices);
  const [trainType, testType] = [train, test].map((file) => file.features.labels.get(label)!.type);
  if (trainType !== testType) {
    refuse(
      `label "${label}" is a ${trainType} in "${train.path}" but a ${testType} in "${test.path}"`,
    );
  }
  const fit = rowsWithValue(train, label), scored = rowsWithValue(test, label);
  const shared = { label, trainRows: fit.rows, testRows: scored.rows };
  const distinct = new Set(fit.values).size;
  if (distinct < 2) {
    refuse(
      `label "${label}" needs at least two different values in "${train.path}", ` +
        `every row has "${fit.values[0]}"`,
    );
  }
  if (task === "regress") {
    if (fit.values.length < FEWEST_REGRESSION_ROWS) {
      refuse(
        `label "${label}" has a value in ${fit.values.length} rows of "${train.path}", ` +
          `a regression needs at least ${FEWEST_REGRESSION_ROWS}`,
      );
    }
    if (new Set(scored.values).size < 2) {
      refuse(
        `label "${label}" is ${scored.values[0]} in every row of "${test.path}", ` +
          `R2 needs at least two different values`,
      );
    }
    const [fitted, tested] = [fit.values as number[], scored.values as number[]];
    expectComputable(label, train, { rows: fit.rows, values: fitted });
    expectComputable(label, test, { rows: scored.rows, values: tested });
    return { ...shared, task, train: Float64Array.from(fitted), test: Float64Array.from(tested) };
  }
  if (trainType === "number" && distinct > MOST_NUMBER_CLASSES) {
    refuse(`label "${label}" has ${distinct} different numbers, pass --task regress`, "usage");
  }
  if (distinct === fit.values.length) {
    refuse(
      `label "${label}" has one row per class in "${train.path}" (${distinct} classes), ` +
        `choosing a strength needs a class with two`,
    );
  }
  const seen = sortedNames(fit.values), known = new Set(seen);
  const unseen = sortedNames(scored.values).filter((name) => !known.has(name));
  const classes = [...seen, ...unseen];
  const places = new Map(classes.map((name, place) => [name, place]));
  const placesOf = (values: readonly (string | number)[]) =>
    Int32Array.from(values, (value) => places.get(String(value))!);
  return {
    ...shared,
    task,
    classes,
    classCount: seen.length,
    train: placesOf(fit.values),
    test: placesOf(scored.values),
  };
}
