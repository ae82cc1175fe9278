/** Layers of a configuration: a preset, and values that follow from other values. */
import { STRATEGY_SETTINGS } from "../model/masks.ts";
import { presetOf } from "./presets.ts";
import { REGULARIZER_WEIGHTS } from "./objective.ts";
import { DEFAULTS, initialDeviations, initialMomentum, type PretrainConfig } from "./settings.ts";

/** Values from one place, by group and key. */
export interface Layer {
  readonly origin: string;
  readonly values: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export function presetLayer(name: string): Layer {
  return { origin: `preset ${name}`, values: presetOf(name).values as Layer["values"] };
}

/** The value of the last layer that has it. */
function statedIn(layers: readonly Layer[], group: string, key: string): unknown {
  return layers.map(({ values }) => values[group]?.[key]).findLast((value) => value !== undefined);
}

/**
 * Defaults that follow other values: initial deviations the sizes, the momentum a length in steps. A length in epochs
 * depends on the images, so the default of the momentum stays.
 */
export function followingLayer({ model, schedule: { steps } }: PretrainConfig): Layer {
  const schedule = steps === undefined ? {} : { emaStart: initialMomentum(steps) };
  return { origin: "default", values: { model: { ...initialDeviations(model) }, schedule } };
}

/** A mask strategy sets its own values, in place of a preset's. Values stated beside it win. */
export function strategyLayer(layers: readonly Layer[]): Layer {
  const stated = statedIn(layers, "masks", "strategy") ?? DEFAULTS.masks.strategy;
  const strategy = stated as keyof typeof STRATEGY_SETTINGS;
  const { values } = STRATEGY_SETTINGS[strategy];
  return { origin: `strategy ${strategy}`, values: { masks: values } };
}

/** A regularizer sets its weight. A weight stated beside it wins. */
export function regularizerLayer(layers: readonly Layer[]): Layer {
  const name = statedIn(layers, "objective", "regularizer") as keyof typeof REGULARIZER_WEIGHTS;
  const weight = REGULARIZER_WEIGHTS[name];
  const objective = weight === undefined ? {} : { regularizerWeight: weight };
  return { origin: `regularizer ${name}`, values: { objective } };
}
