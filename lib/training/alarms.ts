/** Detects collapse and other signs that a run learns nothing. */
import { adviceAgainstCollapse, type Circumstances } from "./advice.ts";
import { MONITOR_ROWS, type MonitorName, type Monitors } from "./monitors.ts";
import type { Row, Sign } from "./monitors/row.ts";

/** What alarms look at: a step, counted from 0, and its monitors, as far as there are some. */
export type WatchedReport = { readonly step: number } & Partial<Monitors>;

/**
 * A low loss counts as early within this fraction of a run. A collapse after it counts even during a longer warm-up.
 */
const EARLY_FRACTION = 0.25;
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

/** A monitor's sign, with the mean of its last values. */
interface Watched<S extends Sign> {
  readonly name: MonitorName;
  readonly sign: S;
  /** Whether every step has a value. */
  readonly isConstant: boolean;
  readonly window: Window;
}

/** The signs of one kind, of all monitors that have one. */
function watch<S extends Sign>(signOf: (row: Row) => S | undefined): Watched<S>[] {
  return MONITOR_ROWS.flatMap(([name, row]) => {
    const sign = signOf(row);
    if (sign === undefined) return [];
    return [{ name, sign, isConstant: row.only === undefined, window: new Window(sign.over) }];
  });
}

/** Detects early signs of a run that learns nothing, and reports each once. */
export class AlarmWatch {
  readonly #run: Circumstances;
  readonly #earlySteps: number;
  readonly #warmupSteps: number;
  readonly #early = watch(({ early }) => early);
  readonly #collapse = watch(({ collapse }) => collapse)
    .sort((a, b) => a.sign.place - b.sign.place);
  readonly #warned = new Set<string>();
  /** The first step of the present collapse. */
  #collapsedSince: number | undefined;
  #values = "";

  constructor(run: Circumstances) {
    const { steps, warmupSteps } = run.plan;
    this.#run = run;
    this.#earlySteps = EARLY_FRACTION * steps;
    // Random networks give similar targets for similar pictures; only after the warm-up does this mean collapse.
    this.#warmupSteps = Math.min(warmupSteps, this.#earlySteps);
  }

  /** Messages about what is wrong since this step. */
  check(report: WatchedReport): string[] {
    const { objective, run } = this.#run.config;
    if (objective.targets === "pixels") return []; // Pixels cannot collapse.
    return [...this.#checkEarly(report), ...run.batch > 1 ? this.#checkCollapse(report) : []];
  }

  #checkEarly(report: WatchedReport): string[] {
    const { step } = report, { config } = this.#run;
    return this.#early.flatMap(({ name, sign, window }) => {
      window.add(report[name]);
      const { mean } = window;
      if (step >= this.#earlySteps || mean === undefined || !sign.isSeen(mean, config)) return [];
      const advice = adviceAgainstCollapse(this.#run);
      return this.#once(name, `step ${step}: ${sign.inWords(mean, config)}; ${advice}`);
    });
  }

  #checkCollapse(report: WatchedReport): string[] {
    const { step } = report, { config } = this.#run;
    if (step < this.#warmupSteps) return [];
    for (const { name, window } of this.#collapse) window.add(report[name]);
    if (this.#collapse.some(({ isConstant, window }) => isConstant && window.mean === undefined)) {
      return [];
    }
    const means = this.#collapse.flatMap(({ sign, window: { mean } }) =>
      mean === undefined ? [] : [{ sign, mean }]
    );
    if (!means.some(({ sign, mean }) => sign.isSeen(mean, config))) {
      this.#collapsedSince = undefined;
      return [];
    }
    this.#collapsedSince ??= step;
    this.#values = means.map(({ sign, mean }) => sign.inWords(mean, config)).join(", ");
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
    if (this.#warned.has(name)) return [];
    this.#warned.add(name);
    return [text];
  }
}
